#!/bin/sh
# Installs the fonts and word lists that glyphic-synth draws from, on Debian and its kin.
# Any other TTF or OTF files do as well: name their folder in `font_dirs`.
set -eu

# What print shops, offices and receipts use.
text="fonts-dejavu fonts-liberation fonts-freefont-ttf fonts-urw-base35 fonts-croscore fonts-crosextra-carlito
fonts-crosextra-caladea fonts-lato fonts-roboto fonts-roboto-slab fonts-open-sans fonts-cantarell fonts-inter
fonts-texgyre fonts-lmodern fonts-linuxlibertine fonts-ebgaramond fonts-vollkorn fonts-oldstandard fonts-prociono
fonts-paratype fonts-clear-sans fonts-karla fonts-manrope fonts-oxygen fonts-quattrocento fonts-cabin fonts-tuffy
fonts-junction fonts-play fonts-dosis fonts-quicksand fonts-jura fonts-allerta fonts-arapey fonts-fanwood
fonts-goudybookletter fonts-lindenhill fonts-essays1743 fonts-century-catalogue fonts-yrsa-rasa fonts-sora
fonts-tiresias fonts-b612 fonts-go fonts-opendyslexic fonts-averia-sans-gwf fonts-averia-serif-gwf fonts-karmilla
fonts-adf-accanthis fonts-adf-baskervald fonts-adf-gillius fonts-adf-irianis fonts-adf-libris fonts-adf-romande
fonts-adf-switzera fonts-adf-universalis fonts-adf-verana fonts-adf-tribun"

# Monospaced, typewriter, terminal and machine-readable: tills and matrix printers.
mono="fonts-noto-mono fonts-hack fonts-courier-prime fonts-inconsolata fonts-anonymous-pro fonts-agave fonts-3270
fonts-hermit fonts-proggy fonts-firacode fonts-jetbrains-mono fonts-league-mono fonts-monofur fonts-monoid
fonts-mononoki fonts-fantasque-sans fonts-ocr-a fonts-ocr-b fonts-gnutypewriter fonts-levien-typoscript
fonts-glasstty fonts-sixtyfour fonts-amiga fonts-dotgothic16 fonts-unifont fonts-pc fonts-compagnon"

# Signs, shop fronts, posters.
display="fonts-bebas-neue fonts-yanone-kaffeesatz fonts-league-spartan fonts-lobster fonts-lobstertwo
fonts-leckerli-one fonts-lemonada fonts-le-murmure fonts-cabinsketch fonts-cherrybomb fonts-comfortaa
fonts-roadgeek fonts-opendin fonts-osifont fonts-routed-gothic fonts-national-park fonts-millimetre fonts-okolaks
fonts-staypuft fonts-dustin fonts-eurofurence fonts-georgewilliams fonts-levien-museum fonts-adf-mekanus
fonts-adf-oldania fonts-adf-ikarius fonts-adf-solothurn fonts-adf-berenis fonts-ubuntu-title
fonts-havana fonts-engadget fonts-beteckna fonts-gemunu-libre fonts-rocknroll fonts-reggae fonts-stick"

# Handwriting-like.
hand="fonts-dancingscript fonts-kaushanscript fonts-comic-neue fonts-humor-sans fonts-isabella fonts-kristi
fonts-rufscript fonts-dkg-handwriting fonts-breip fonts-femkeklaver fonts-klaudia-berenika fonts-ecolier-court
fonts-sjfonts fonts-summersby fonts-tomsontalks fonts-blankenburg"

words="wamerican wbritish wfrench wngerman wspanish witalian wportuguese wdutch wswedish wdanish"

apt-get update -q
# One by one where the whole fails: a package a release lacks must not cost the rest.
# shellcheck disable=SC2086
if ! DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $text $mono $display $hand $words
then
    for package in $text $mono $display $hand $words; do
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" ||
            echo "install-fonts: $package is not to be had here; going on without it" >&2
    done
fi
