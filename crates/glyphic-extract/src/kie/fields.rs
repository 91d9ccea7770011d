//! From classes of boxes to the fields of a document: keys with their values, items by rows, values in a form that programs
//! understand.

use std::collections::BTreeMap;

use glyphic_core::Page;
use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::sdmgr::{Extraction, Link};
use super::values::{
    Meaning, Value, alike, has_cents, has_full_date, is_positive, meaning, month_first, value_of,
};
use crate::{Error, Result};

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fields {
    /// Fields by name, such as `company`, `date`, `total`.
    pub fields: BTreeMap<String, Field>,
    /// The lines of a receipt.
    pub items: Vec<Item>,
    /// Questions and answers that a link joins, where the classes name no fields.
    pub pairs: Vec<(Field, Field)>,
}

/// A text of a document and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// As it was read; texts of several boxes are joined by spaces, unless they say the same.
    pub text: String,
    /// What it means, where that could be told.
    #[serde(flatten)]
    pub value: Option<Value>,
    /// The least probability of its boxes' classes, 0 to 1; of boxes that say the same the highest.
    pub score: f32,
    /// Its boxes, as indices of the page.
    pub boxes: Vec<usize>,
}

/// A line of a receipt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Field>,
    /// How much of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Field>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Field>,
}

/// The fields of a page from its boxes' classes and links.
///
/// A class `Name_value` gives the field `name`, a store's name and address `company` and `address`. Boxes are joined in reading
/// order; where several name a date, a time or an amount, the value counts whose boxes are surest together. A field without
/// boxes is looked for in the boxes of its key, `Name_key`, and beside them. Classes of products give items: boxes that share a
/// row make one. Classes `question` and `answer` give pairs, by their links: boxes of one of these classes that a link joins are
/// one text, and each answer belongs to the question whose link to it is surest.
///
/// # Errors
/// [`Error::DanglingLink`] where a link leads to a box that is not there, [`Error::Scores`] where the extraction is of another
/// page.
pub fn fields(page: &Page, extraction: &Extraction) -> Result<Fields> {
    let boxes = page.instances.len();
    for link in &extraction.links {
        if link.from >= boxes || link.to >= boxes {
            return Err(Error::DanglingLink { from: link.from, to: link.to, boxes });
        }
    }
    if extraction.labels.len() != boxes || extraction.scores.len() != boxes {
        let got = vec![extraction.labels.len(), extraction.scores.len()];
        return Err(Error::Scores { what: "classes", got, expected: vec![boxes, boxes] });
    }
    let finder = Finder::new(page, extraction);
    let (mut values, mut keys): (Groups, Groups) = Default::default();
    let mut products: Vec<(usize, Part)> = Vec::new();
    for (i, label) in finder.labels() {
        match label.as_str() {
            "prod_item_value" => products.push((i, Part::Name)),
            "prod_quantity_value" => products.push((i, Part::Quantity)),
            "prod_price_value" => products.push((i, Part::Price)),
            "company" | "address" | "date" | "total" => values.entry(label).or_default().push(i),
            _ => {
                if let Some(name) = label.strip_suffix("_value") {
                    values.entry(field_name(name)).or_default().push(i);
                } else if let Some(name) = label.strip_suffix("_key") {
                    keys.entry(field_name(name)).or_default().push(i);
                }
            }
        }
    }
    // Tips are rare: an amount is one only where its row says so.
    if let Some(tips) = values.get_mut("tips") {
        tips.retain(|i| finder.says_tip(*i));
    }
    values.retain(|_, boxes| !boxes.is_empty());
    // Other documents, such as forms of questions and answers, have no totals and dates of their own.
    let receipt = values.contains_key("total") || values.contains_key("date") || keys.contains_key("total");
    let mut found = Fields::default();
    for (name, boxes) in &values {
        found.fields.insert(name.clone(), finder.field(name, boxes));
    }
    if receipt && let Some(total) = finder.total(values.get("total").map_or(&[], Vec::as_slice)) {
        found.fields.insert("total".to_owned(), total);
    }
    for (name, boxes) in &keys {
        if found.fields.get(name).is_none_or(|field| field.value.is_none() && meaning(name).is_some())
            && let Some(field) = finder.beside(name, boxes)
        {
            found.fields.insert(name.clone(), field);
        }
    }
    if receipt && found.fields.get("date").is_none_or(|date| date.value.is_none()) {
        found.fields.extend(finder.any_date().map(|date| ("date".to_owned(), date)));
    }
    // A time that stands behind its date.
    if !found.fields.contains_key("time")
        && let Some(date) = found.fields.get("date")
        && let Some(field) = date.boxes.iter().find_map(|i| finder.meant("time", *i))
    {
        found.fields.insert("time".to_owned(), field);
    }
    found.items = finder.items(&products);
    found.pairs = finder.pairs();
    Ok(found)
}

/// Boxes by the names of fields.
type Groups = BTreeMap<String, Vec<usize>>;

/// What a box says of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Quantity,
    Price,
}

/// The name of the field of a class.
fn field_name(class: &str) -> String {
    match class {
        "store_name" => "company",
        "store_addr" => "address",
        other => other,
    }
    .to_owned()
}

/// A page whose boxes have classes.
struct Finder<'a> {
    page: &'a Page,
    extraction: &'a Extraction,
    layout: Layout,
    /// Whether dates begin with the month.
    month_first: bool,
}

impl<'a> Finder<'a> {
    fn new(page: &'a Page, extraction: &'a Extraction) -> Self {
        let texts = page.instances.iter().map(|instance| instance.text());
        Self { page, extraction, layout: Layout::of(page), month_first: month_first(texts) }
    }

    /// Boxes with their classes in lower case.
    fn labels(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        self.extraction.labels.iter().map(|label| label.to_lowercase()).enumerate()
    }

    fn text(&self, i: usize) -> &str {
        self.page.instances[i].text()
    }

    fn value(&self, name: &str, text: &str) -> Option<Value> {
        let meaning = meaning(name)?;
        value_of(meaning, text, self.month_first)
    }

    /// Boxes as one field, in reading order.
    fn joined(&self, name: &str, boxes: &[usize]) -> Field {
        let boxes = self.layout.in_order(boxes);
        let texts: Vec<&str> = boxes.iter().map(|i| self.text(*i)).filter(|text| !text.is_empty()).collect();
        let text = texts.join(" ");
        let score = boxes.iter().map(|i| self.extraction.scores[*i]).fold(1.0, f32::min);
        Field { value: self.value(name, &text), text, score, boxes }
    }

    /// A box as a field, where it means something.
    fn meant(&self, name: &str, i: usize) -> Option<Field> {
        let field = self.joined(name, &[i]);
        field.value.is_some().then_some(field)
    }

    /// The field of a class's boxes. Of values that each have a meaning the surest counts, with all boxes that say the same.
    fn field(&self, name: &str, boxes: &[usize]) -> Field {
        let meant = boxes.iter().filter_map(|i| self.meant(name, *i)).map(|field| (field.score, field));
        match surest(meant) {
            Some(field) => field,
            None if name == "company" => self.company(&self.surest_block(boxes)),
            None if name == "tel" => self.joined(name, &self.surest_of(boxes)),
            None => self.joined(name, boxes),
        }
    }

    /// The total: of the amounts of its class, and of those whose row says that they are one, that with the highest sum of
    /// probabilities, each times what its row says.
    fn total(&self, boxes: &[usize]) -> Option<Field> {
        let of_class = boxes.iter().map(|i| (*i, self.extraction.scores[*i]));
        let others = (0..self.page.instances.len()).filter(|i| !boxes.contains(i));
        let said =
            others.filter(|i| has_cents(self.text(*i)) && self.says_total(*i) > 1.0).map(|i| (i, SAID_TOTAL));
        let weighed = of_class.chain(said).filter_map(|(i, weight)| {
            let field = self.meant("total", i)?;
            // Nothing, and what is given back, is seldom the total.
            let amount = if is_positive(field.value.as_ref()) { 1.0 } else { 0.1 };
            Some((weight * self.says_total(i) * amount, field))
        });
        surest(weighed)
    }

    /// How much what stands before an amount, in its box and left of it, says that it is the total: 1 where it says nothing.
    fn says_total(&self, i: usize) -> f32 {
        let row = self.layout.left_of(i).into_iter().chain([i]);
        let row: Vec<String> = row.map(|i| letters_of(self.text(i))).collect();
        let row = row.join(" ");
        let names = |words: &[&str]| words.iter().any(|word| row.contains(word));
        let lesser = names(&[
            "exc", "before", "suppl", "qty", "quantit", "item", "disc", "saving", "cash", "chang", "tender",
            "sub", "point", "card", "paid",
        ]) || (names(&["gst", "tax", "vat"]) && !names(&["inc"]));
        match (lesser, names(&["total", "amount", "due", "balance", "payable"])) {
            (true, _) => 0.2,
            (false, false) => 1.0,
            (false, true) if names(&["round", "adj", "grand", "payable", "incl", "net"]) => 2.5,
            (false, true) => 1.5,
        }
    }

    /// Whether what stands in an amount's box and left of it says that it is a tip or a charge for service.
    fn says_tip(&self, i: usize) -> bool {
        self.layout.left_of(i).into_iter().chain([i]).any(|i| {
            let text = self.text(i).to_lowercase();
            let mut words = text.split(|c: char| !c.is_alphabetic());
            let letters = letters_of(&text);
            words.any(|word| word.starts_with("tip") || word.ends_with("tip") || word.starts_with("gratuit"))
                || ["servicech", "svcch"].iter().any(|charge| letters.contains(charge))
        })
    }

    /// A date where no box has its class: one with a year of four digits, or in a text that says that it is one.
    fn any_date(&self) -> Option<Field> {
        let all: Vec<usize> = (0..self.page.instances.len()).collect();
        let certain =
            |i: &usize| has_full_date(self.text(*i)) || letters_of(self.text(*i)).starts_with("date");
        self.layout.in_order(&all).into_iter().filter(certain).find_map(|i| self.meant("date", i))
    }

    /// A company's name: its rows up to the one that ends in a legal form, without those that another says as well and without
    /// the number of its registration.
    fn company(&self, boxes: &[usize]) -> Field {
        let rows = self.layout.rows(boxes);
        let text = |row: &Vec<usize>| self.joined("company", row).text;
        let end = rows.iter().position(|row| has_legal_form(&text(row))).map_or(rows.len(), |last| last + 1);
        let rows = &rows[..end];
        let plain: Vec<String> = rows.iter().map(|row| letters_of(&text(row))).collect();
        let said = |k: usize| {
            let others = plain.iter().enumerate().filter(|(other, _)| *other != k);
            plain[k].is_empty()
                || others.into_iter().any(|(other, longer)| {
                    longer.contains(&plain[k]) && (longer.len() > plain[k].len() || other < k)
                })
        };
        let kept: Vec<usize> = (0..rows.len()).filter(|k| !said(*k)).flat_map(|k| rows[k].clone()).collect();
        let mut field = self.joined("company", if kept.is_empty() { boxes } else { &kept });
        field.text = without_registration(&field.text).to_owned();
        field
    }

    /// The box with the highest probability.
    fn surest_of(&self, boxes: &[usize]) -> Vec<usize> {
        let score = |i: &usize| self.extraction.scores[*i];
        boxes.iter().rev().max_by(|a, b| score(a).total_cmp(&score(b))).copied().into_iter().collect()
    }

    /// Of the blocks that boxes make on neighbouring rows the surest: a name is often printed again elsewhere.
    fn surest_block(&self, boxes: &[usize]) -> Vec<usize> {
        let sum = |block: &Vec<usize>| block.iter().map(|i| self.extraction.scores[*i]).sum::<f32>();
        let blocks = self.layout.blocks(boxes);
        blocks.into_iter().rev().max_by(|a, b| sum(a).total_cmp(&sum(b))).unwrap_or_default()
    }

    /// A value in the box of its key, or on the key's row to the right of it.
    fn beside(&self, name: &str, keys: &[usize]) -> Option<Field> {
        let certain = |field: &Field| match meaning(name) {
            // A rate or a count is no sum.
            Some(Meaning::Amount) => has_cents(&field.text),
            _ => true,
        };
        let own = || keys.iter().filter_map(|i| self.meant(name, *i)).find(certain);
        let right = || {
            let neighbours = keys.iter().flat_map(|i| self.layout.right_of(*i));
            neighbours.filter_map(|i| self.meant(name, i)).find(certain)
        };
        own().or_else(right)
    }

    /// Questions with their answers. An answer has one question; a question may have several answers, as the head of a column.
    fn pairs(&self) -> Vec<(Field, Field)> {
        let is = |i: usize, class: &str| self.extraction.labels[i].eq_ignore_ascii_case(class);
        let mut links: Vec<&Link> = self.extraction.links.iter().collect();
        links.sort_by(|a, b| b.score.total_cmp(&a.score));
        // The first box of each box's text.
        let mut first: Vec<usize> = (0..self.page.instances.len()).collect();
        for link in &links {
            let joined = |class| is(link.from, class) && is(link.to, class);
            let (a, b) = (first[link.from].min(first[link.to]), first[link.from].max(first[link.to]));
            if joined("question") || joined("answer") {
                first.iter_mut().filter(|box_| **box_ == b).for_each(|box_| *box_ = a);
            }
        }
        let mut question_of: BTreeMap<usize, usize> = BTreeMap::new();
        for link in links {
            for (from, to) in [(link.from, link.to), (link.to, link.from)] {
                if is(from, "question") && is(to, "answer") {
                    question_of.entry(first[to]).or_insert(first[from]);
                }
            }
        }
        let text = |name: &str, of: usize| {
            let boxes: Vec<usize> = (0..first.len()).filter(|i| first[*i] == of).collect();
            self.joined(name, &boxes)
        };
        let mut pairs: Vec<(usize, usize)> = question_of.into_iter().map(|(a, q)| (q, a)).collect();
        pairs.sort_unstable();
        pairs
            .into_iter()
            .map(|(question, answer)| (text("question", question), text("answer", answer)))
            .collect()
    }

    /// The items of a receipt. A row with a name alone and the one below it with a price alone are one item.
    fn items(&self, products: &[(usize, Part)]) -> Vec<Item> {
        let boxes: Vec<usize> = products.iter().map(|(i, _)| *i).collect();
        let part = |i: usize| products.iter().find(|(box_, _)| *box_ == i).map(|(_, part)| *part);
        let mut rows = self.layout.rows(&boxes);
        let has = |row: &[usize], wanted: Part| row.iter().any(|i| part(*i) == Some(wanted));
        let mut at = 0;
        while at + 1 < rows.len() {
            let (row, next) = (&rows[at], &rows[at + 1]);
            let split = has(row, Part::Name)
                && !has(row, Part::Price)
                && has(next, Part::Price)
                && !has(next, Part::Name)
                && !(has(row, Part::Quantity) && has(next, Part::Quantity));
            if split && self.layout.are_near(row, next) {
                let next = rows.remove(at + 1);
                rows[at].extend(next);
            }
            at += 1;
        }
        let item = |row: Vec<usize>| {
            let of = |wanted: Part, name: &str| {
                let boxes: Vec<usize> = row.iter().copied().filter(|i| part(*i) == Some(wanted)).collect();
                (!boxes.is_empty()).then(|| self.joined(name, &boxes))
            };
            Item {
                name: of(Part::Name, "name"),
                quantity: of(Part::Quantity, "quantity"),
                price: of(Part::Price, "price"),
            }
        };
        // A number alone buys nothing.
        rows.into_iter().map(item).filter(|item| item.name.is_some() || item.price.is_some()).collect()
    }
}

/// The weight of an amount that its row calls a total, where its box has another class.
const SAID_TOTAL: f32 = 0.8;

/// Of fields with their weights the one whose value has the highest sum, the first of equals: its box with the highest
/// probability, and all that say the same.
fn surest(weighed: impl Iterator<Item = (f32, Field)>) -> Option<Field> {
    let mut different: Vec<(f32, Field)> = Vec::new();
    for (weight, field) in weighed {
        match different.iter_mut().find(|(_, other)| alike(other.value.as_ref(), field.value.as_ref())) {
            Some((sum, other)) => {
                *sum += weight;
                let boxes = other.boxes.iter().chain(&field.boxes).copied().collect();
                if field.score > other.score {
                    *other = field;
                }
                other.boxes = boxes;
            }
            None => different.push((weight, field)),
        }
    }
    let surest = different.into_iter().rev().max_by(|a, b| a.0.total_cmp(&b.0));
    surest.map(|(_, field)| field)
}

/// A text's letters and digits, in lower case.
fn letters_of(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

const LEGAL_FORMS: [&str; 11] =
    ["bhd", "sb", "ltd", "limited", "inc", "llc", "llp", "plc", "gmbh", "corp", "corporation"];

fn has_legal_form(text: &str) -> bool {
    let last = without_registration(text).split_whitespace().next_back().map(letters_of);
    last.is_some_and(|word| LEGAL_FORMS.contains(&word.as_str()))
}

/// A company's name without the number of its registration in brackets behind it, such as `(519537-X)`.
fn without_registration(text: &str) -> &str {
    let registration = |inside: &str| {
        let count = |of: fn(&char) -> bool| inside.chars().filter(of).count();
        let digits = count(char::is_ascii_digit);
        let other = count(|c| !c.is_ascii_digit() && !matches!(c, '-' | ' ' | '.' | '/'));
        digits >= 4 && other <= 3
    };
    let parts = text.trim_end().strip_suffix(')').and_then(|inner| inner.rsplit_once('('));
    match parts {
        Some((name, inside)) if registration(inside) && !name.trim().is_empty() => name.trim_end(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::{Polygon, Rect, Region, TextInstance, Transcript};

    use super::*;

    fn page(boxes: &[(&str, [f64; 4])]) -> Page {
        let mut page = Page::new(400, 600);
        for (text, [x0, y0, x1, y1]) in boxes {
            let polygon = Polygon::from_rect(Rect { x0: *x0, y0: *y0, x1: *x1, y1: *y1 }).unwrap();
            let mut instance = TextInstance::new(Region { polygon, score: 1.0 });
            instance.transcript = Some(Transcript::truth(*text));
            page.instances.push(instance);
        }
        page
    }

    fn extraction(labels: &[&str]) -> Extraction {
        Extraction {
            labels: labels.iter().map(|l| (*l).to_owned()).collect(),
            scores: vec![0.9; labels.len()],
            links: Vec::new(),
        }
    }

    #[test]
    fn classes_of_values_are_fields_and_products_share_rows() {
        let page = page(&[
            ("ACME", [10., 10., 90., 30.]),
            ("STORE", [100., 10., 190., 30.]),
            ("Rye bread", [10., 100., 120., 120.]),
            ("2", [150., 102., 160., 118.]),
            ("3.50", [300., 98., 350., 121.]),
            ("Milk", [10., 130., 60., 150.]),
            ("1.20", [300., 131., 350., 151.]),
            ("TOTAL", [10., 200., 80., 220.]),
            ("$4.70", [300., 200., 350., 220.]),
        ]);
        let labels = [
            "Store_name_value",
            "Store_name_value",
            "Prod_item_value",
            "Prod_quantity_value",
            "Prod_price_value",
            "Prod_item_value",
            "Prod_price_value",
            "Total_key",
            "Total_value",
        ];
        let fields = fields(&page, &extraction(&labels)).unwrap();
        assert_eq!(fields.fields["company"].text, "ACME STORE");
        assert_eq!(fields.fields.keys().collect::<Vec<_>>(), ["company", "total"]);
        let json = serde_json::to_value(&fields.fields["total"]).unwrap();
        assert_eq!(json["text"], "$4.70");
        assert_eq!(json["amount"], serde_json::json!({"number": "4.70", "currency": "USD"}));
        let names: Vec<_> = fields.items.iter().map(|i| i.name.as_ref().unwrap().text.as_str()).collect();
        assert_eq!(names, ["Rye bread", "Milk"]);
        assert_eq!(fields.items[0].price.as_ref().unwrap().text, "3.50");
        assert_eq!(fields.items[0].quantity.as_ref().unwrap().boxes, [3]);
        assert!(fields.items[1].quantity.is_none());
    }

    #[test]
    fn questions_and_their_answers_are_pairs_and_links_to_nowhere_are_errors() {
        let page = page(&[("DATE:", [0., 0., 50., 20.]), ("5/1/99", [60., 0., 90., 20.])]);
        let mut found = extraction(&["answer", "question"]);
        found.links.push(Link { from: 0, to: 1, score: 0.8 });
        let pairs = fields(&page, &found).unwrap().pairs;
        assert_eq!((pairs[0].0.text.as_str(), pairs[0].1.text.as_str()), ("5/1/99", "DATE:"));
        found.links.push(Link { from: 1, to: 7, score: 0.8 });
        let error = fields(&page, &found).unwrap_err().to_string();
        assert_eq!(error, "a link leads from box 1 to box 7, but the page has 2 boxes");
        assert!(fields(&page, &extraction(&["answer"])).is_err());
    }

    #[test]
    fn an_amount_is_a_tip_only_where_its_row_says_so() {
        let found = |key: &str| {
            let boxes = [
                (key, [10., 100., 90., 120.], "Others", 0.9),
                ("4.73", [200., 100., 250., 120.], "Tips_value", 0.4),
            ];
            labelled(&boxes).fields.contains_key("tips")
        };
        for key in ["TIP", "Add tips:", "10%SVCCHG", "Gratuity", "Service Charge 10%"] {
            assert!(found(key), "{key}");
        }
        for key in ["Cash", "multiple items", "Service tax"] {
            assert!(!found(key), "{key}");
        }
    }

    #[test]
    fn lines_of_an_answer_are_one_text_and_an_answer_has_the_surest_question() {
        let row = |y: f64, x: f64| [x, y, x + 80.0, y + 20.0];
        let page = page(&[
            ("Ship to:", row(10., 10.)),
            ("4 Quay Road", row(10., 120.)),
            ("Elmhaven", row(34., 120.)),
            ("Colour", row(80., 10.)),
            ("blue", row(104., 10.)),
            ("green", row(128., 10.)),
            ("alone", row(300., 10.)),
            ("ORDER", row(200., 10.)),
        ]);
        let labels = ["question", "answer", "answer", "Question", "Answer", "answer", "answer", "header"];
        let mut found = extraction(&labels);
        let link = |from, to, score| Link { from, to, score };
        found.links = vec![
            link(1, 3, 0.6),
            link(0, 1, 0.9),
            link(2, 1, 0.8),
            link(2, 3, 0.7),
            link(3, 4, 0.9),
            link(5, 3, 0.8),
            link(7, 6, 0.9),
        ];
        let pairs = fields(&page, &found).unwrap().pairs;
        let texts: Vec<_> = pairs.iter().map(|(q, a)| (q.text.as_str(), a.text.as_str())).collect();
        assert_eq!(texts, [("Ship to:", "4 Quay Road Elmhaven"), ("Colour", "blue"), ("Colour", "green")]);
        assert_eq!(pairs[0].1.boxes, [1, 2]);
    }

    fn labelled(boxes: &[(&str, [f64; 4], &str, f32)]) -> Fields {
        let page = page(&boxes.iter().map(|(text, place, ..)| (*text, *place)).collect::<Vec<_>>());
        let mut found = extraction(&boxes.iter().map(|(.., label, _)| *label).collect::<Vec<_>>());
        found.scores = boxes.iter().map(|(.., score)| *score).collect();
        fields(&page, &found).unwrap()
    }

    #[test]
    fn of_several_values_the_one_counts_whose_boxes_are_surest_together() {
        let found = labelled(&[
            ("56.08", [300., 100., 350., 120.], "Total_value", 0.6),
            ("50.98", [300., 130., 350., 150.], "Total_value", 0.9),
            ("$56.08", [300., 160., 350., 180.], "Total_value", 0.7),
        ]);
        let total = &found.fields["total"];
        assert_eq!((total.text.as_str(), &total.boxes[..]), ("$56.08", &[0, 2][..]));
        assert!((total.score - 0.7).abs() < 1e-6);
    }

    #[test]
    fn texts_are_joined_in_reading_order_and_a_name_printed_again_is_left_out() {
        let found = labelled(&[
            ("Omaha", [10., 70., 90., 90.], "Store_addr_value", 0.9),
            ("12 Main St", [10., 48., 90., 66.], "Store_addr_value", 0.8),
            ("ACME", [10., 400., 90., 420.], "Store_name_value", 0.9),
            ("STORE", [100., 10., 190., 30.], "Store_name_value", 0.9),
            ("ACME", [10., 12., 90., 31.], "Store_name_value", 0.8),
        ]);
        assert_eq!(found.fields["company"].text, "ACME STORE");
        assert_eq!(found.fields["company"].boxes, [4, 3]);
        assert_eq!(found.fields["address"].text, "12 Main St Omaha");
    }

    #[test]
    fn a_value_is_looked_for_in_the_box_of_its_key_and_beside_it() {
        let found = labelled(&[
            ("TOTAL RM 14 .10", [10., 100., 190., 120.], "Total_key", 0.9),
            ("GST 6%", [10., 130., 90., 150.], "Tax_key", 0.9),
            ("Date:", [10., 160., 60., 180.], "Date_key", 0.9),
            ("25/9/2017 14:36", [80., 161., 190., 181.], "Others", 0.9),
            ("Tips", [10., 190., 60., 210.], "Tips_key", 0.9),
            ("none", [80., 190., 120., 210.], "Others", 0.9),
        ]);
        let amount = Value::Amount { number: "14.10".to_owned(), currency: Some("MYR".to_owned()) };
        assert_eq!(found.fields["total"].value, Some(amount));
        assert_eq!(found.fields["date"].value, Some(Value::Date("2017-09-25".to_owned())));
        assert_eq!(found.fields["time"].value, Some(Value::Time("14:36:00".to_owned())));
        assert_eq!(found.fields["time"].boxes, [3]);
        assert_eq!(found.fields.len(), 3, "{:?}", found.fields.keys());
    }

    #[test]
    fn a_name_above_its_price_is_one_item_and_complete_rows_stay_apart() {
        let found = labelled(&[
            ("CARD THANKS", [10., 100., 120., 120.], "Prod_item_value", 0.9),
            ("5.99", [300., 124., 350., 144.], "Prod_price_value", 0.9),
            ("CARD CROWN", [10., 150., 120., 170.], "Prod_item_value", 0.9),
            ("2 @ 3.50", [150., 150., 210., 170.], "Prod_quantity_value", 0.9),
            ("7.00", [300., 150., 350., 170.], "Prod_price_value", 0.9),
            ("no wrapping", [10., 300., 120., 320.], "Prod_item_value", 0.9),
            ("1.00", [300., 380., 350., 400.], "Prod_price_value", 0.9),
            ("7", [300., 480., 350., 500.], "Prod_quantity_value", 0.9),
        ]);
        let text = |field: &Option<Field>| field.as_ref().map_or("", |f| f.text.as_str()).to_owned();
        let items: Vec<_> = found.items.iter().map(|item| (text(&item.name), text(&item.price))).collect();
        let expected = [("CARD THANKS", "5.99"), ("CARD CROWN", "7.00"), ("no wrapping", ""), ("", "1.00")];
        assert_eq!(items, expected.map(|(name, price)| (name.to_owned(), price.to_owned())));
        let quantity = found.items[1].quantity.as_ref().unwrap();
        assert_eq!(quantity.value, Some(Value::Amount { number: "2".to_owned(), currency: None }));
    }

    #[test]
    fn dates_of_an_american_page_begin_with_the_month() {
        let date = ("03/04/2017", [10., 100., 90., 120.], "Date_value", 0.9);
        let day = |found: Fields| found.fields["date"].value.clone().unwrap();
        assert_eq!(day(labelled(&[date])), Value::Date("2017-04-03".to_owned()));
        let store = ("Omaha,NE68154", [10., 10., 90., 30.], "Store_addr_value", 0.9);
        assert_eq!(day(labelled(&[store, date])), Value::Date("2017-03-04".to_owned()));
    }

    #[test]
    fn of_several_telephone_numbers_the_surest_counts() {
        let found = labelled(&[
            ("600319998", [10., 10., 90., 30.], "Tel_value", 0.6),
            ("(800)275-8777", [10., 40., 90., 60.], "Tel_value", 0.9),
        ]);
        assert_eq!(found.fields["tel"].text, "(800)275-8777");
    }

    #[test]
    fn a_companys_name_ends_with_its_legal_form_and_has_no_number() {
        let row = |y: f64| [10., y, 190., y + 20.];
        let company = |texts: &[&str]| {
            let rows: Vec<_> =
                texts.iter().zip(0..).map(|(text, k)| (*text, row(f64::from(k) * 24.0))).collect();
            let boxes: Vec<_> = rows.iter().map(|(text, at)| (*text, *at, "Store_name_value", 0.9)).collect();
            labelled(&boxes).fields["company"].text.clone()
        };
        for (texts, expected) in [
            (&["99 SPEED MART S/B (519537-X)"][..], "99 SPEED MART S/B"),
            (&["ACME SDN BHD (728515-M)", "SHOP OF ACME"], "ACME SDN BHD"),
            (&["SEAFOOD", "RESTAURANT SDN. BHD."], "SEAFOOD RESTAURANT SDN. BHD."),
            (&["LAVENDER", "LAVENDER CONFECTIONERY"], "LAVENDER CONFECTIONERY"),
            (&["ACME", "ACME"], "ACME"),
            (&["BAKERY (EAST)"], "BAKERY (EAST)"),
            (&["(12345)"], "(12345)"),
            (&["***"], "***"),
        ] {
            assert_eq!(company(texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_total_is_weighed_by_what_its_row_says() {
        let row = |y: f64, x: f64| [x, y, x + 80.0, y + 20.0];
        let total =
            |boxes: &[(&str, [f64; 4], &str, f32)]| match labelled(boxes).fields["total"].value.clone() {
                Some(Value::Amount { number, .. }) => number,
                other => panic!("{other:?}"),
            };
        let excluding = [
            ("TOTAL EXCLUDING GST", row(100., 10.), "Total_key", 0.9),
            ("109.70", row(100., 200.), "Total_value", 0.9),
            ("109.70", row(130., 200.), "Total_value", 0.9),
            ("TOTAL INCL. GST", row(160., 10.), "Total_key", 0.9),
            ("116.28", row(160., 200.), "Total_value", 0.6),
        ];
        assert_eq!(total(&excluding), "116.28");
        // A row that says so is a total whatever its class; what is given back is none.
        let others = [
            ("0.00", row(100., 200.), "Total_value", 0.9),
            ("Total Payable: 41.44", row(130., 10.), "Others", 0.9),
            ("CASH 50.00", row(160., 10.), "Others", 0.9),
            ("Change due 8.56", row(190., 10.), "Others", 0.9),
        ];
        assert_eq!(total(&others), "41.44");
        // Nothing of a form becomes one.
        let form = [
            ("Total due 5.00", row(100., 10.), "answer", 0.9),
            ("12/12/1999", row(130., 10.), "answer", 0.9),
        ];
        assert!(labelled(&form).fields.is_empty());
    }

    #[test]
    fn a_date_without_its_class_is_found_where_it_is_certain() {
        let row = |y: f64| [10., y, 200., y + 20.0];
        let total = ("5.00", row(10.), "Total_value", 0.9);
        for (text, expected) in [
            ("23-01-2019 13:14:15, PRINT BY: ROOT", Some("2019-01-23")),
            ("DATE : 28/04/18", Some("2018-04-28")),
            ("28/04/18", None),
        ] {
            let found = labelled(&[total, (text, row(40.), "Others", 0.9)]);
            let date = found.fields.get("date").and_then(|date| date.value.clone());
            assert_eq!(date, expected.map(|day| Value::Date(day.to_owned())), "{text}");
        }
    }
}
