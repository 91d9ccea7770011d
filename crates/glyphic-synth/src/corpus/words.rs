//! Words built in, so that text can be drawn where no word list is installed, and the ones that signs and receipts
//! use far more often than a dictionary tells.

pub(super) const COMMON: &str = "the of and to a in is it you that he was for on are with as I his they be at one have \
this from or had by hot but some what there we can out other were all your when up use word how said an each she which \
do their time if will way about many then them would write like so these her long make thing see him two has look more \
day could go come did my sound no most number who over know water than call first people may down side been now find any \
new work part take get place made live where after back little only round man year came show every good me give our \
under name very through just form much great think say help low line before turn cause same mean differ move right boy \
old too does tell sentence set three want air well also play small end put home read hand port large spell add even land \
here must big high such follow act why ask men change went light kind off need house picture try us again animal point \
mother world near build self earth father head stand own page should country found answer school grow study still learn \
plant cover food sun four thought let keep eye never last door between city tree cross since hard start might story saw \
far sea draw left late run while press close night real life few stop open seem together next white children begin got \
walk example ease paper often always music those both mark book letter until mile river car feet care second group carry \
took rain eat room friend began idea fish mountain north once base hear horse cut sure watch color face wood main enough \
plain girl usual young ready above ever red list though feel talk bird soon body dog family direct pose leave song \
measure state product black short numeral class wind question happen complete ship area half rock order fire south \
problem piece told knew pass farm top whole king size heard best hour better true during hundred remember step early \
hold west ground interest reach fast five sing listen six table travel less morning ten simple several vowel toward war \
lay against pattern slow center love person money serve appear road map science rule govern pull cold notice voice fall \
power town fine certain fly unit lead cry dark machine note wait plan figure star box noun field rest correct able pound \
done beauty drive stood contain front teach week final gave green oh quick develop sleep warm free minute strong special \
mind behind clear tail produce fact street inch lot nothing course stay wheel full force blue object decide surface deep \
moon island foot yet busy test record boat common gold possible plane age dry wonder laugh thousand ago ran check game \
shape yes miss brought heat snow bed bring sit perhaps fill east weight language among";

pub(super) const SIGNS: &str = "OPEN CLOSED SALE EXIT ENTRANCE PUSH PULL STOP YIELD PARKING HOTEL MOTEL CAFE COFFEE BAR \
RESTAURANT BANK ATM PHARMACY TAXI BUS METRO STATION PLATFORM TICKETS INFORMATION TOILETS WC LADIES GENTLEMEN MEN WOMEN \
CAUTION DANGER WARNING NOTICE PRIVATE KEEP OUT NO SMOKING ENTRY FIRE ESCAPE ALARM LIFT STAIRS FLOOR LEVEL BASEMENT CAR \
PARK ZONE SPEED LIMIT SLOW SCHOOL CHURCH MUSEUM GALLERY LIBRARY THEATRE CINEMA MARKET SHOP STORE MALL CENTRE CENTER PLAZA \
SQUARE AVENUE STREET ROAD LANE DRIVE BOULEVARD HIGHWAY NORTH SOUTH EAST WEST AIRPORT TERMINAL GATE ARRIVALS DEPARTURES \
CHECK-IN BAGGAGE CUSTOMS POLICE HOSPITAL CLINIC DENTAL OPTICAL BAKERY BUTCHER GROCERY FRUITS VEGETABLES SEAFOOD PIZZA \
BURGER NOODLES SUSHI GRILL KITCHEN BISTRO PUB BREWERY WINE BEER FRESH ORGANIC NATURAL PREMIUM SPECIAL OFFER NEW FREE WIFI \
DISCOUNT SAVE BUY ONE GET TODAY ONLY WEEKEND SUMMER WINTER CHRISTMAS COLLECTION FASHION SHOES BAGS WATCHES JEWELLERY \
OPTICS SPORTS TOYS BOOKS MUSIC ELECTRONICS MOBILE PHONES COMPUTER REPAIR SERVICE RENT LEASE FOR SOLD APARTMENTS OFFICE \
SUITE TOWER BUILDING HOUSE COURT GARDEN BEACH POINT BAY HARBOUR BRIDGE RIVER LAKE HILL VIEW ROYAL GRAND IMPERIAL CITY \
TOWN VILLAGE INTERNATIONAL GLOBAL UNITED NATIONAL EXPRESS CARGO DELIVERY TRANSPORT MOTORS TYRES GARAGE PETROL DIESEL GAS \
WASH LAUNDRY SALON BARBER BEAUTY SPA NAILS HAIR MASSAGE FITNESS GYM YOGA CLUB DISCO CASINO LOUNGE LIVE TONIGHT WELCOME \
THANK YOU PLEASE MIND THE GAP STAND CLEAR DOORS WAIT HERE QUEUE CASHIER PAY RECEPTION ENQUIRIES STAFF LOST FOUND FIRST AID \
LOVE HAPPY HOUR BIG BEST WORLD STAR SUN MOON SKY BLUE RED GREEN GOLD SILVER DIAMOND CROWN LION TIGER EAGLE DRAGON PHOENIX";

pub(super) const GOODS: &str = "milk bread rice egg eggs sugar salt flour butter cheese yogurt coffee tea water juice cola \
soda beer wine apple banana orange mango papaya grape melon lemon tomato potato onion garlic ginger carrot cabbage lettuce \
spinach chili pepper chicken beef pork fish prawn squid tofu noodle pasta sauce soy oil vinegar honey jam biscuit cookie \
chocolate candy chips snack nuts cereal oat cake bun roll sandwich burger fries pizza soup salad steak curry satay nasi \
lemak goreng mee kopi teh ais limau ayam ikan telur roti kaya soap shampoo toothpaste brush tissue towel detergent bleach \
sponge bag box bottle can pack packet tin jar tube roll battery bulb cable plug adapter charger screw nail bolt hammer \
drill paint tape glue pen pencil marker paper notebook file folder stapler ruler eraser envelope card frame mirror clock \
lamp fan chair table shelf hook rope lock key pipe valve tap hose bucket basin mat curtain pillow blanket shirt trousers \
dress skirt socks shoes belt cap hat glove scarf diaper wipes lotion cream vitamin tablet syrup plaster mask thermometer";

pub(super) const MALAY: &str = "JALAN TAMAN LORONG BANDAR KAMPUNG PERSIARAN LEBUH KAWASAN PERINDUSTRIAN PUSAT PERDAGANGAN \
DESA SRI SERI INDAH JAYA UTAMA SETIA MAJU DAMAI RIA BARU LAMA BESAR KECIL SELATAN UTARA TIMUR BARAT BUKIT SUNGAI PASIR \
BATU TANJUNG KUALA PETALING SHAH ALAM KLANG SUBANG PUCHONG CHERAS AMPANG SELANGOR JOHOR BAHRU MELAKA PERAK PENANG KEDAH \
PAHANG SABAH SARAWAK WILAYAH PERSEKUTUAN TERIMA KASIH SILA DATANG LAGI SELAMAT BARANG YANG TELAH DIJUAL TIDAK BOLEH \
DIKEMBALIKAN TUNAI BAKI JUMLAH HARGA KEDAI RESTORAN PERNIAGAAN SYARIKAT ENTERPRISE TRADING HARDWARE STATIONERY BAKERY";

pub(super) const NAMES: &str = "Adam Alice Anna Arthur Aisha Ben Carl Carla Chen Clara Daniel David Diana Elena Emma Eric \
Eva Felix Fiona Frank George Grace Hanna Henry Hugo Ida Ivan Jack James Jana John Julia Karl Kate Laura Lee Leo Liam Lily \
Lim Lucas Lucy Maria Mark Martin Mary Max Mei Mia Michael Nina Noah Nora Oliver Oscar Paul Peter Rita Robert Rosa Sam Sara \
Simon Sofia Stella Tan Thomas Tom Victor Wong Yusuf Zoe Smith Jones Brown Taylor Wilson Clark Walker Young Allen King Wright \
Scott Hill Green Baker Adams Nelson Carter Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards Collins Stewart \
Morris Rogers Reed Cook Morgan Bell Murphy Bailey Cooper Richardson Cox Howard Ward Peterson Gray Müller Schäfer Weiß Jäger \
Søren Åsa Øystein José Muñoz Peña García François Chloé Zoë Renée Hélène Strauß Köhler Günther Jørgensen Lindström Sjöberg";

pub(super) const CITIES: &str = "London Paris Berlin Madrid Rome Vienna Lisbon Dublin Oslo Bergen Stockholm Malmö Göteborg \
Copenhagen København Århus Helsinki Zürich Genève München Köln Düsseldorf Nürnberg Lübeck Málaga Cádiz León Coruña Évora \
São Paulo Brasília Montréal Québec Toronto Boston Chicago Dallas Denver Houston Seattle Portland Phoenix Austin Miami \
Orlando Atlanta Detroit Sydney Melbourne Perth Auckland Singapore Jakarta Manila Bangkok Hanoi Tokyo Osaka Seoul Delhi \
Mumbai Dubai Cairo Nairobi Lagos Accra Tunis Istanbul Ankara Athens Sofia Prague Warsaw Budapest Zagreb Riga Vilnius Tallinn";

/// Words with letters that English lacks, so that each occurs often enough to be learnt.
pub(super) const ACCENTED: &str = "À la carte Ça va Été Élan Être Île Œuvre œuf cœur sœur Où là-bas déjà très français garçon \
hôtel forêt naïve Noël Saÿ L’Haÿ Ÿ Àpropos Âge âme Ärger Öl Übung über schön größer Straße Fuß ß heiß Ænima Æble æble Ørsted \
øl Ålesund å blå smörgås Ångström Éire niño España mañana año Ñandú pingüino ¿Qué? ¿Cómo? ¡Hola! ¡Olé! Água São João pão \
maçã coração Õ põe Ó vovó avô Úrsula Único Ítalo país Èze è perché più così però Ògbóni Ìle Ùmer Ûte sûr Ëlla ïle Ïle Îlot \
Êxito você Ôter Ãnima Þór Þingvellir það Ðorðe eyðing ýmis Ýmir Šibenik Škoda šest Žižek život žena Čapek Õnne sõna Êtes Òria \
ò ì ù â î ï ë ü û ú í ó á é ê ô ã õ ñ ç ÿ þ ð ý Â Ä Å Ã Á È Í Ì Ò Ô Ö Û Ü Ú Ù Ë Ï Ð Ý Ç \
Główna dostępność ścieżkowa zajmujące Zrzucić zachowując pocztę Rozłóż Żaden Sędrowski musujące Rozšířeném \
Síťová obousměrné nápovědu Označuje roků síťové popisovače Předlohy zpřesnit vytištění Opačnom pohybovať dĺžka \
Vyňať Ihneď veľkých Cieľ stĺpci Akékoľvek presuňte jeseň Összekötő Betűbűvész kulcsmező különbözők Űrlapjához \
Űrlapszűrő Űrlap Redundanță Promovează direcții alătura Nuanța înmulțește șabloanele dorești Ștergeți Ștergerea \
Șterge Şartlar İkincil aynısı değeri Birikmiş alanından karşıt olacağı Değişim İçeri İşlemci Smeće podređenih \
podređenim određenim Čita Često Čini Antrinėse pradės viršutinė kietų Uždarančių įkeliant kanalų išpūtimą \
Įskiepiai kūrinių įkelinėti Pēdējais saglabāt rādīta nomaiņas Saņem posteņi Vienāda atstatītu Meklēšanas \
lasāmību Trīsstūri Ārpus Ăsta Ąžuolas Ćma Čaj Ďábel Đak Ēka Ėjimas Ęsti Ěra Ğ Ģimene Īss Įėjimas İstanbul Iğdır \
Ķekava ĺ Ĺ Ļoti Ľudia Łódź Ńa Ņem Ňa Ősz Ŕ kŕmiť Řeka Środa Şehir Ţ ţ Ťažký Ūdens Ůra Űr Ųs Źródło Żaba Știri \
Țară șansă țel \
ģerbonis ģitāra reģions ķermenis ķirsis saķere ļaudis paļauties ceļš koń dzień słońce źle gałąź źródło ďalej ďaleko \
læse næste ţară şi ţel viaţa ţară vŕba tŕň vŕch Ŕ stůl dům můj půl \
kůň těžký dŕžať ŕ ŕ vůz důl ţine ţ ţ ń ķ ļ ģ ď æ ź į į į \
ò ì ù â î ï ë ü û ú í ó á é ê ô ã õ ñ ç ÿ þ ð ý Â Ä Å Ã Á È Í Ì Ò Ô Ö Û Ü Ú Ù Ë Ï Ð Ý Ç î Î île fraîche";
