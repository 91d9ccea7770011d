//! What holds for every detector of the list: names, graph and forward, pictures of every kind, many texts.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Distribution;
use common::{formula_weights, picture};
use glyphic_core::{Detector, Image};
use glyphic_detect::engine::{DetectorModel, DetectorNetwork, Engine, Frame, Network, Part, to_host};
use glyphic_detect::{
    DbNetConfig, DetectorConfig, DrrgConfig, FceNetConfig, MaskRcnnConfig, PanNetConfig, PseNetConfig,
    Result, TextSnakeConfig,
};
use glyphic_graph::{Graph, Session, Tensor};
use glyphic_nn::checkpoint::{LoadOptions, load_into, state_names};
use glyphic_nn::device::cpu;

/// Pictures of every kind give finite regions, the same alone and in a batch.
fn survives(name: &str) {
    let (_, mut config) = DetectorConfig::all().into_iter().find(|(known, _)| *known == name).unwrap();
    config.input_mut().resize.enlarge = false;
    if let DetectorConfig::Drrg(model) = &mut config {
        // Formula weights propose components everywhere.
        (model.propose.max_quads, model.propose.max_components) = (200, 50);
    }
    let detector = config.build(&formula_weights(config.state_names()), &cpu()).unwrap();
    let images = [
        Image::filled(96, 64, [255, 255, 255]).unwrap(),
        Image::filled(1, 1, [7, 8, 9]).unwrap(),
        picture(2000, 32),
        picture(32, 2000),
        picture(1, 60),
        picture(150, 90),
    ];
    let together = detector.detect(&images).unwrap();
    for (image, expected) in images.iter().zip(&together) {
        let alone = detector.detect(std::slice::from_ref(image)).unwrap().remove(0);
        assert_eq!(alone.len(), expected.len());
        for (a, b) in alone.iter().zip(expected) {
            assert_eq!((&a.polygon, a.score), (&b.polygon, b.score));
            assert!(a.polygon.points().iter().all(|p| p.x.is_finite() && p.y.is_finite()));
        }
    }
}

/// A test for each detector of the list.
macro_rules! survive {
    ($($name:ident),* $(,)?) => {
        mod pictures_of_every_kind_alone_and_in_a_batch {
            $(#[test]
            fn $name() {
                super::survives(stringify!($name));
            })*

            #[test]
            fn are_tried_on_every_detector() {
                let names = super::DetectorConfig::all().into_iter().map(|(name, _)| name);
                assert_eq!(names.collect::<Vec<_>>(), [$(stringify!($name)),*]);
            }
        }
    };
}

survive!(
    dbnet_lite,
    dbnet_r18,
    dbnet_r50dcnv2,
    dbnetpp_r50dcnv2,
    psenet_r50,
    panet_r18,
    panet_r50,
    textsnake_r50,
    fcenet_r50,
    fcenet_r50dcnv2,
    drrg_r50,
    mask_rcnn_r50,
);

/// Both engines find the same, and find something. Of formula weights that holds for three models; the maps of all are compared
/// in `graphs_equal_the_networks`.
fn same<M: DetectorNetwork>(model: M) {
    let weights = formula_weights(state_names(&model.init(&cpu())));
    let graph = Engine::new(model.clone(), &weights, &cpu()).unwrap();
    let module = Engine::on_device(model, &weights, &cpu()).unwrap();
    let images = [picture(150, 90), picture(64, 200), picture(1, 1)];
    let [a, b] = [&graph, &module].map(|engine| engine.detect(&images).unwrap());
    assert!(a.iter().any(|regions| !regions.is_empty()), "{}", std::any::type_name::<M>());
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        assert_eq!(a.len(), b.len(), "picture {i}");
        for (a, b) in a.iter().zip(b) {
            assert!((a.score - b.score).abs() < 1e-3, "picture {i}: {} and {}", a.score, b.score);
        }
    }
}

#[test]
fn graph_and_module_of_dbnet_find_the_same() {
    let mut model = DbNetConfig::default();
    model.input.resize.enlarge = false;
    model.decode.min_score = 0.0;
    same(model);
}

#[test]
fn graph_and_module_of_fcenet_find_the_same() {
    let mut model = FceNetConfig::default();
    model.input.resize.enlarge = false;
    same(model);
}

#[test]
fn graph_and_module_of_mask_rcnn_find_the_same() {
    let mut model = MaskRcnnConfig::default();
    model.input.resize.enlarge = false;
    same(model);
}

type Named = (&'static str, Tensor);

#[track_caller]
fn assert_near(name: &str, got: &Tensor, expected: &Tensor) {
    assert_eq!(got.shape(), expected.shape(), "{name}");
    let (got, expected) = (got.as_f32().unwrap(), expected.as_f32().unwrap());
    let largest = expected.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off <= 1e-4 * largest, "{name}: off by {off} of {largest}");
}

/// Later parts of a network by its graph and by its module, which must agree on what a decoder asks for.
struct Both<'a, M: DetectorNetwork> {
    model: &'a M,
    net: &'a M::Net,
    graph: &'a Graph,
    runs: AtomicUsize,
}

impl<M: DetectorNetwork> Network for Both<'_, M> {
    fn run(&self, part: usize, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let Part { inputs: names, outputs } = M::PARTS[part];
        let expected = self.model.run_part(self.net, part, inputs.clone(), &cpu())?;
        let inputs: Vec<Named> = names.iter().copied().zip(inputs).collect();
        let got = Session::new(self.graph.cut(names, outputs)?)?.run(&inputs)?;
        assert_eq!(got.len(), expected.len());
        for ((name, got), expected) in outputs.iter().zip(&got).zip(&expected) {
            assert_near(name, got, expected);
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ok(got)
    }
}

/// The graph computes what the burn module does, part by part, at several sizes.
fn graph_equals<M: DetectorNetwork>(model: &M, rest: impl Fn(&M::Net) -> Vec<(Vec<Named>, Vec<Named>)>) {
    let weights = formula_weights(state_names(&model.init(&cpu())));
    let graph = model.graph("network", &weights).unwrap();
    let mut net = model.init(&cpu());
    load_into(&mut net, &weights, &LoadOptions::default()).unwrap();
    let compare = |inputs: Vec<Named>, expected: Vec<Named>| {
        let names = |list: &[Named]| list.iter().map(|(name, _)| *name).collect::<Vec<&str>>();
        let part = graph.cut(&names(&inputs), &names(&expected)).unwrap();
        let outputs = Session::new(part).unwrap().run(&inputs).unwrap();
        for ((name, expected), got) in expected.iter().zip(&outputs) {
            assert_near(name, got, expected);
        }
        outputs
    };
    let image = |batch: usize, height: usize, width: usize| {
        let dims = [batch, 3, height, width];
        burn::Tensor::<4>::random(dims, Distribution::Uniform(-2.0, 2.0), &cpu())
    };
    let whole = |image: burn::Tensor<4>| {
        let expected = model.forward(&net, image.clone());
        let expected = expected.into_iter().map(|(name, t)| (name, to_host(t).unwrap())).collect();
        compare(vec![("image", to_host(image).unwrap())], expected)
    };
    whole(image(2, 32, 32));
    let outputs = whole(image(1, 96, 160));
    let both = Both { model, net: &net, graph: &graph, runs: AtomicUsize::new(0) };
    let frame = Frame { input: [160, 96], content: [160, 96], scale: [1.0; 2] };
    model.decode(&outputs, &frame, &both).unwrap();
    assert!(M::PARTS.is_empty() || both.runs.into_inner() > 0, "the decoder asks for no other part");
    for (inputs, expected) in rest(&net) {
        compare(inputs, expected);
    }
}

#[test]
fn graphs_equal_the_networks() {
    graph_equals(&DbNetConfig::default(), |_| Vec::new());
    graph_equals(&PseNetConfig::default(), |_| Vec::new());
    graph_equals(&PanNetConfig::default(), |_| Vec::new());
    graph_equals(&TextSnakeConfig::default(), |_| Vec::new());
    graph_equals(&FceNetConfig::default(), |_| Vec::new());
    graph_equals(&FceNetConfig::deformable(), |_| Vec::new());
    let model = DrrgConfig::default();
    graph_equals(&model, |net| {
        let random =
            |dims: [usize; 3]| burn::Tensor::<3>::random(dims, Distribution::Uniform(0.0, 1.0), &cpu());
        [(1, 2, 1), (5, 9, 4)]
            .map(|(graphs, nodes, near)| {
                let x = random([graphs, nodes, model.node_length()]);
                let (a, s) = (random([graphs, nodes, nodes]), random([graphs, near, nodes]));
                let links = net.link(x.clone(), a.clone(), s.clone());
                let host = |t| to_host(t).unwrap();
                let inputs = vec![("nodes", host(x)), ("adjacency", host(a)), ("selection", host(s))];
                (inputs, vec![("links", host(links))])
            })
            .to_vec()
    });
    let model = MaskRcnnConfig::default();
    graph_equals(&model, |net| {
        let random = |boxes: usize, side: usize| {
            let dims = [boxes, model.neck_channels, side, side];
            burn::Tensor::<4>::random(dims, Distribution::Uniform(0.0, 1.0), &cpu())
        };
        let mut parts = Vec::new();
        for boxes in [1, 3] {
            let (x, m) = (random(boxes, 7), random(boxes, 14));
            let [scores, deltas] = net.boxes(x.clone()).map(|t| to_host(t).unwrap());
            let heads = vec![("box_scores", scores), ("box_deltas", deltas)];
            parts.push((vec![("box_features", to_host(x).unwrap())], heads));
            let masks = to_host(net.masks(m.clone())).unwrap();
            parts.push((vec![("mask_features", to_host(m).unwrap())], vec![("mask_logits", masks)]));
        }
        parts
    });
}

/// A network that is not asked for anything.
struct Silent;

impl Network for Silent {
    fn run(&self, part: usize, _: Vec<Tensor>) -> Result<Vec<Tensor>> {
        panic!("part {part} is not needed")
    }
}

#[test]
fn a_page_of_a_thousand_texts_is_read_off_whole() {
    // 40 x 25 texts of 16 x 8 pixels of the map, of which each kernel is the inner 12 x 4.
    let (width, height) = (40 * 24, 25 * 16);
    let inside = |x: usize, y: usize, margin: usize| {
        let (x, y) = (x % 24, y % 16);
        (4 + margin..20 - margin).contains(&x) && (4 + margin..12 - margin).contains(&y)
    };
    let map = |margin: usize| -> Vec<f32> {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        pixels.map(|(x, y)| if inside(x, y, margin) { 9.0 } else { -9.0 }).collect()
    };
    let frame = Frame { input: [4 * width, 4 * height], content: [4 * width, 4 * height], scale: [2.0, 0.5] };
    let pse = [map(0), map(0), map(0), map(1), map(1), map(2), map(2)].concat();
    let pan = [map(0), map(2), vec![0.0; 4 * width * height]].concat();
    let of = |values: Vec<f32>| {
        let channels = values.len() / (width * height);
        [Tensor::from_f32(&[1, channels, height, width], values).unwrap()]
    };
    let found = [
        PseNetConfig::default().decode(&of(pse), &frame, &Silent).unwrap().regions,
        PanNetConfig::default().decode(&of(pan), &frame, &Silent).unwrap().regions,
    ];
    for regions in found {
        assert_eq!(regions.len(), 1000);
        // The first text reaches from pixel 4 to 19 of the map, of which one is 8 by 2 pixels of the picture.
        let bounds = regions[0].polygon.bounds();
        assert_eq!([bounds.x0, bounds.y0, bounds.x1, bounds.y1], [32.0, 8.0, 152.0, 22.0]);
    }
}
