//! A picture of the scores over the score threshold. Own code: three lines in a frame need no plotting crate.

use std::fmt::Write;

use crate::ThresholdScore;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
/// The frame's left, top, right and bottom.
const FRAME: [f64; 4] = [60.0, 50.0, 620.0, 360.0];

/// Colours that people with any colour vision can tell apart (Okabe and Ito), and dashes for print.
const LINES: [(&str, &str, &str, Value); 3] = [
    ("precision", "#0072b2", "6 4", |s| s.score.precision),
    ("recall", "#d55e00", "2 3", |s| s.score.recall),
    ("hmean", "#000000", "none", |s| s.score.hmean),
];

type Value = fn(&ThresholdScore) -> f64;

/// An SVG picture of precision, recall and their harmonic mean over the score threshold, with the best hmean (the lowest
/// threshold of equals) marked. Thresholds ascend from 0 to 1; what lies outside is drawn on the frame. Where nothing is
/// predicted at a threshold, precision is undefined and its line stops.
pub fn plot_thresholds(title: &str, curve: &[ThresholdScore]) -> String {
    let [left, top, right, bottom] = FRAME;
    let x = |v: f64| left + v.clamp(0.0, 1.0) * (right - left);
    let y = |v: f64| bottom - v.clamp(0.0, 1.0) * (bottom - top);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{left}\" y=\"20\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    let mut put = |piece: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = svg.write_fmt(piece);
    };
    for tenth in (0..=10).step_by(2) {
        let v = f64::from(tenth) / 10.0;
        put(format_args!(
            "<path d=\"M{left} {0:.1}H{right}M{1:.1} {top}V{bottom}\" stroke=\"#ddd\" fill=\"none\"/>\n\
             <text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{v:.1}</text>\n\
             <text x=\"{1:.1}\" y=\"{4}\" text-anchor=\"middle\">{v:.1}</text>\n",
            y(v),
            x(v),
            left - 8.0,
            y(v) + 4.0,
            bottom + 18.0,
        ));
    }
    put(format_args!(
        "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">score threshold</text>\n",
        right - left,
        bottom - top,
        f64::midpoint(left, right),
        bottom + 40.0,
    ));
    for (k, (name, colour, dash, value)) in LINES.into_iter().enumerate() {
        let drawn = curve.iter().filter(|s| name != "precision" || s.score.predictions > 0);
        let points: Vec<String> =
            drawn.map(|s| format!("{:.1},{:.1}", x(s.threshold), y(value(s)))).collect();
        let legend = left + 110.0 * k as f64;
        put(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dash}\"/>\n\
             <path d=\"M{legend} 36h24\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>\n\
             <text x=\"{}\" y=\"40\">{name}</text>\n",
            points.join(" "),
            legend + 30.0,
        ));
    }
    if let Some(best) = best_threshold(curve).map(|k| &curve[k]) {
        let (cx, cy) = (x(best.threshold), y(best.score.hmean));
        // Beside the point, on the side where there is room.
        let (anchor, shift) = if cx > f64::midpoint(left, right) { ("end", -8.0) } else { ("start", 8.0) };
        put(format_args!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4\"/>\n"));
        // First in white around, so that it can be read on lines.
        for halo in [" stroke=\"white\" stroke-width=\"4\"", ""] {
            put(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\"{halo}>best hmean {:.4} at {:.2}</text>\n",
                cx + shift,
                (cy - 8.0).max(top + 14.0),
                best.score.hmean,
                best.threshold,
            ));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Index of the highest hmean, the first of equals.
pub(crate) fn best_threshold(curve: &[ThresholdScore]) -> Option<usize> {
    let better =
        |best: usize, k: usize| if curve[k].score.hmean > curve[best].score.hmean { k } else { best };
    (0..curve.len()).reduce(better)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Score;

    fn at(threshold: f64, hits: f64, predictions: usize) -> ThresholdScore {
        ThresholdScore { threshold, score: Score::new(hits, hits, 4, predictions) }
    }

    #[test]
    fn lines_stand_where_the_scores_are_and_the_best_is_marked() {
        let svg = plot_thresholds("a < b & c", &[at(0.0, 4.0, 8), at(0.5, 3.0, 3), at(1.0, 0.0, 0)]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt; b &amp; c"));
        // Precision 0.5, then 1; without predictions there is none.
        assert!(svg.contains("points=\"60.0,205.0 340.0,50.0\""), "{svg}");
        // Recall 1, 0.75, 0.
        assert!(svg.contains("points=\"60.0,50.0 340.0,127.5 620.0,360.0\""), "{svg}");
        assert!(svg.contains("best hmean 0.8571 at 0.50"), "{svg}");
        assert_eq!(svg.matches('<').count(), svg.matches('>').count());
    }

    #[test]
    fn without_thresholds_the_frame_is_empty() {
        let svg = plot_thresholds("nothing", &[]);
        assert!(svg.contains("points=\"\"") && !svg.contains("circle"));
    }
}
