//! The language of tills.

use super::{Corpus, amount, code, date, digits, number, phone, price, time};
use crate::dice::Dice;

const HEADS: &[&str] = &[
    "TAX INVOICE",
    "RECEIPT",
    "INVOICE",
    "SIMPLIFIED TAX INVOICE",
    "CASH SALES",
    "OFFICIAL RECEIPT",
    "CASH BILL",
    "CASH RECEIPT",
    "-INVOICE-",
    "Tax Invoice",
    "*** RECEIPT ***",
    "GUEST CHECK",
    "Sales Receipt",
    "DUPLICATE COPY",
];

const FOOTS: &[&str] = &[
    "THANK YOU! PLEASE COME AGAIN!",
    "GOODS SOLD ARE NOT RETURNABLE",
    "THANK YOU FOR SHOPPING WITH US",
    "Goods sold are not refundable.",
    "EXCHANGE ARE ALLOWED WITHIN",
    "7 DAYS WITH RECEIPT.",
    "STRICTLY NO CASH REFUND.",
    "*** THANK YOU ***",
    "Thank You. Please Come Again",
    "TERIMA KASIH, SILA DATANG LAGI",
    "Please keep this receipt for applicable returns",
    "This is a computer generated invoice",
    "Have a nice day!",
    "NO EXCHANGE & NO REFUND",
    "CUSTOMER COPY",
    "Price inclusive of GST",
    "Please retain for warranty purpose",
    "Received above goods in good order & condition.",
    "For any enquiry, please contact us:",
    "E. & O. E.",
    "Barang yang telah dijual tidak boleh dikembalikan",
    "Powered by Point-of-Sale",
    "Like us on our web page!",
];

const TOTALS: &[&str] = &[
    "TOTAL",
    "Total",
    "SUBTOTAL",
    "Sub Total",
    "Sub-Total",
    "SUB-TOTAL",
    "GRAND TOTAL",
    "TOTAL AMOUNT",
    "Total Amt",
    "NET TOTAL",
    "Total (Incl. GST)",
    "TOTAL SALES (INCLUSIVE OF GST)",
    "Total Sales (Excluding GST)",
    "AMOUNT DUE",
    "CASH",
    "Cash",
    "CHANGE",
    "Change",
    "ROUNDING",
    "Rounding Adj",
    "ROUNDING ADJUSTMENT",
    "DISCOUNT",
    "Discount",
    "GST 6%",
    "Total GST",
    "VAT 20%",
    "TAX",
    "SERVICE CHARGE 10%",
    "VISA CARD",
    "MASTER CARD",
    "BALANCE",
    "DEPOSIT",
    "TOTAL ROUNDED",
    "Total Payable",
    "TOTAL QTY",
    "ITEM(S)",
    "TENDERED",
    "Total Savings",
    "TIP",
    "SUMME",
    "MwSt 19%",
];

const FIELDS: &[&str] = &[
    "Date",
    "DATE",
    "Time",
    "TIME",
    "Cashier",
    "CASHIER",
    "Invoice No",
    "INVOICE NO.",
    "Doc No",
    "DOCUMENT NO",
    "Bill No",
    "Receipt #",
    "Table",
    "TABLE NO",
    "Counter",
    "Salesperson",
    "Terminal",
    "Ref. No",
    "Order",
    "Member",
    "GST ID",
    "GST No",
    "GST REG NO",
    "GST ID NO",
    "Co. Reg No",
    "CO.REG",
    "TEL",
    "Tel",
    "Tel No.",
    "FAX",
    "Fax",
    "H/P",
    "Approval Code",
    "Trace",
    "Auth",
    "TID",
    "MID",
    "Operator",
    "Customer",
    "Station",
    "Pax",
    "Server",
    "SLIP NO",
    "Trans",
    "Location",
    "Page",
];

const HEADINGS: &[&str] = &[
    "ITEM",
    "QTY",
    "PRICE",
    "AMOUNT",
    "AMT(RM)",
    "U.PRICE",
    "S/PRICE",
    "Description",
    "DESC/ITEM",
    "Qty",
    "Price",
    "Amount",
    "Total",
    "TAX",
    "Tax Code",
    "CODE",
    "Disc",
    "Disc%",
    "UOM",
    "AMT (RM)",
    "TAX (RM)",
    "Amt",
    "Item",
    "U/P",
    "NO",
    "RM",
    "SR",
    "ZRL",
    "ZR",
    "%",
    "Unit",
    "GST Summary",
    "TAX CODE",
    "No.",
    "Each",
    "Descr.",
    "Nett",
    "Ext",
];

impl Corpus {
    /// One column's worth of a receipt.
    pub(super) fn receipt_word(&self, dice: &mut Dice) -> String {
        match dice.index(16) {
            0..=3 => amount(dice),
            4 => price(dice),
            5 => code(dice),
            6 => dice.pick(HEADINGS).to_owned(),
            7 => dice.pick(TOTALS).split(' ').next().unwrap_or_default().to_owned(),
            8 => self.good(dice),
            9 => date(dice),
            10 => time(dice),
            11 => dice
                .pick(&[
                    "X", "x", "SR", "RM", "S", "Z", ":", "*", "1", "0", "2", "@", "-", "=", "**", "ZRL",
                    "PCS", "UNIT", "#", "T", "$", "%",
                ])
                .to_owned(),
            12 => dice.int(0, 99).to_string(),
            13 => format!("{}:", dice.pick(FIELDS)).split(' ').next_back().unwrap_or_default().to_owned(),
            14 => self.malay.pick(dice).to_owned(),
            _ => number(dice),
        }
    }

    fn good(&self, dice: &mut Dice) -> String {
        let word = match dice.index(4) {
            0 => self.word(dice),
            _ => self.goods.pick(dice),
        };
        if dice.chance(0.7) { word.to_uppercase() } else { super::title(word) }
    }

    /// What an item's line calls it.
    pub(crate) fn item(&self, dice: &mut Dice) -> String {
        let n = dice.int(1, 4);
        let mut text =
            (0..n).map(|_| self.good(dice)).collect::<Vec<_>>().join(dice.pick(&[" ", " ", " ", "-", "/"]));
        if dice.chance(0.35) {
            let size = format!(
                " {}{}",
                dice.int(1, 999),
                dice.pick(&["G", "ML", "KG", "L", "CM", "MM", "PCS", "'S", "\"", "X2", "MMX20M", "W"])
            );
            text.push_str(&size);
        }
        if dice.chance(0.15) {
            text = format!("{} {text}", digits(dice, 4));
        }
        text
    }

    /// The label and the amount of a line of the sum.
    pub(crate) fn total(&self, dice: &mut Dice) -> (String, String) {
        let label = dice.pick(TOTALS);
        let label = match dice.index(5) {
            0 => format!("{label} :"),
            1 => format!("{label}:"),
            2 => format!("{label} (RM)"),
            _ => label.to_owned(),
        };
        let value = if dice.chance(0.4) { price(dice) } else { amount(dice) };
        (label, value)
    }

    /// A field of the head and its value.
    pub(crate) fn field(&self, dice: &mut Dice) -> (String, String) {
        let field = dice.pick(FIELDS);
        let lower = field.to_lowercase();
        let value = if lower.contains("date") {
            date(dice)
        } else if lower.contains("time") {
            time(dice)
        } else if ["tel", "fax", "h/p"].iter().any(|k| lower.contains(k)) {
            phone(dice)
        } else if lower.contains("gst") {
            digits(dice, 12)
        } else if ["cashier", "sales", "operator", "server", "customer"].iter().any(|k| lower.contains(k)) {
            self.names.pick(dice).to_uppercase()
        } else {
            code(dice)
        };
        (field.to_owned(), value)
    }

    pub(crate) fn receipt_head(&self, dice: &mut Dice) -> String {
        dice.pick(HEADS).to_owned()
    }

    pub(crate) fn receipt_foot(&self, dice: &mut Dice) -> String {
        dice.pick(FOOTS).to_owned()
    }

    pub(crate) fn headings(&self, dice: &mut Dice) -> Vec<String> {
        let n = dice.int(2, 5);
        (0..n).map(|_| dice.pick(HEADINGS).to_owned()).collect()
    }

    /// A line of a receipt's head: where the shop is and how it is reached.
    pub(crate) fn shop_line(&self, dice: &mut Dice) -> String {
        match dice.index(6) {
            0..=2 => self.address(dice),
            3 => format!("{}{}", dice.pick(&["TEL:", "Tel: ", "TEL : ", "FAX:", "Tel / Fax: "]), phone(dice)),
            4 => format!(
                "({}-{})",
                digits(dice, 6),
                dice.pick(&["A", "D", "H", "K", "M", "P", "T", "U", "V", "W", "X"])
            ),
            _ => format!(
                "{}{}",
                dice.pick(&["GST ID: ", "GST ID : ", "GST NO: ", "(GST ID NO: ", "VAT Reg. "]),
                digits(dice, 12)
            ),
        }
    }

    /// A whole line of a receipt.
    pub(super) fn receipt_line(&self, dice: &mut Dice) -> String {
        match dice.index(24) {
            0..=3 => {
                let (label, value) = self.total(dice);
                if dice.chance(0.2) {
                    let dots = ".".repeat(dice.int(3, 14) as usize);
                    format!("{label}{dots} {value}")
                } else {
                    format!("{label} {value}")
                }
            }
            4..=6 => {
                let (field, value) = self.field(dice);
                format!("{field}{}{value}", dice.pick(&[": ", " : ", ":", " ", ". ", " #"]))
            }
            7..=9 => self.item(dice),
            10 | 11 => format!("{} {} {}", self.item(dice), dice.int(1, 12), amount(dice)),
            12 => format!(
                "{} {} {} {}",
                dice.int(1, 12),
                dice.pick(&["X", "x", "@", "PCS @"]),
                amount(dice),
                amount(dice)
            ),
            13 | 14 => self.receipt_foot(dice),
            15 => self.receipt_head(dice),
            16 | 17 => self.company(dice),
            18 | 19 => self.shop_line(dice),
            20 => self.headings(dice).join(" "),
            21 => format!("{} {}", date(dice), time(dice)),
            22 => format!(
                "{} {} {} {}",
                dice.pick(&["SR", "S", "ZRL", "SR @ 6%", "S=GST @ 6% :"]),
                amount(dice),
                amount(dice),
                dice.pick(&["", "SR", "S", "Z"])
            ),
            _ => format!("{} {}", code(dice), self.item(dice)),
        }
    }
}
