//! The files that are part of the program.

/// A model's configuration and, where they are shipped, its weights.
pub(crate) struct Embedded {
    pub(crate) name: &'static str,
    pub(crate) config: &'static str,
    pub(crate) weights: Option<&'static [u8]>,
    pub(crate) int8: Option<&'static [u8]>,
}

macro_rules! config {
    ($name:literal) => {
        include_str!(concat!("../../../configs/", $name, ".toml"))
    };
}

/// A model with its weights, in half precision and in 8 bits.
macro_rules! shipped {
    ($name:literal) => {
        Embedded {
            name: $name,
            config: config!($name),
            weights: Some(include_bytes!(concat!("../../../weights/", $name, ".onnx"))),
            int8: Some(include_bytes!(concat!("../../../weights/", $name, ".int8.onnx"))),
        }
    };
}

/// A model without shipped weights.
const fn bare(name: &'static str, config: &'static str) -> Embedded {
    Embedded { name, config, weights: None, int8: None }
}

pub(crate) const ALL: &[Embedded] = &[
    shipped!("dbnet_lite"),
    shipped!("crnn_lite"),
    bare("dbnet_r18", config!("dbnet_r18")),
    bare("crnn", config!("crnn")),
    bare("nrtr_r31_1by16_1by8", config!("recognize/nrtr_r31_1by16_1by8_academic")),
    bare("nrtr_r31_1by8_1by4", config!("recognize/nrtr_r31_1by8_1by4_academic")),
    bare("nrtr_modality_transform", config!("recognize/nrtr_modality_transform_academic")),
    bare("sar_r31_parallel_decoder", config!("recognize/sar_r31_parallel_decoder_academic")),
    bare("sar_r31_sequential_decoder", config!("recognize/sar_r31_sequential_decoder_academic")),
    bare("robustscanner_r31", config!("recognize/robustscanner_r31_academic")),
    bare("ppocr_v6_small", config!("ppocr_v6_small")),
    bare("crnn_tps", config!("recognize/crnn_tps_academic_dataset")),
    bare("seg_r31_1by16_fpnocr", config!("recognize/seg_r31_1by16_fpnocr_academic")),
    bare("satrn", config!("recognize/satrn_academic")),
    bare("satrn_small", config!("recognize/satrn_small")),
    bare("master_r31", config!("recognize/master_r31_12e_ST_MJ_SA")),
    bare("abinet", config!("recognize/abinet_academic")),
    bare("abinet_vision_only", config!("recognize/abinet_vision_only_academic")),
    bare("svtr_tiny", config!("recognize/svtr-tiny_20e_st_mj")),
    bare("svtr_small", config!("recognize/svtr-small_20e_st_mj")),
    bare("svtr_base", config!("recognize/svtr-base_20e_st_mj")),
    bare("svtr_tiny_320", config!("recognize/svtr-tiny_32x320")),
    bare("parseq", config!("recognize/parseq")),
    bare("parseq_tiny", config!("recognize/parseq-tiny")),
    bare("aster_resnet45", config!("recognize/aster_resnet45_6e_st_mj")),
    bare("dbnet_r50dcnv2", config!("detect/dbnet_r50dcnv2_fpnc_1200e_icdar2015")),
    bare("dbnetpp_r50dcnv2", config!("detect/dbnetpp_r50dcnv2_fpnc_1200e_icdar2015")),
    bare("psenet_r50", config!("detect/psenet_r50_fpnf_600e_icdar2015")),
    bare("psenet_r50_ctw1500", config!("detect/psenet_r50_fpnf_600e_ctw1500")),
    bare("psenet_r50_icdar2017", config!("detect/psenet_r50_fpnf_600e_icdar2017")),
    bare("panet_r18", config!("detect/panet_r18_fpem_ffm_600e_icdar2015")),
    bare("panet_r18_ctw1500", config!("detect/panet_r18_fpem_ffm_600e_ctw1500")),
    bare("panet_r50", config!("detect/panet_r50_fpem_ffm_600e_icdar2017")),
    bare("textsnake_r50", config!("detect/textsnake_r50_fpn_unet_1200e_ctw1500")),
    bare("fcenet_r50", config!("detect/fcenet_r50_fpn_1500e_icdar2015")),
    bare("fcenet_r50dcnv2", config!("detect/fcenet_r50dcnv2_fpn_1500e_ctw1500")),
    bare("drrg_r50", config!("detect/drrg_r50_fpn_unet_1200e_ctw1500")),
    bare("mask_rcnn_r50", config!("detect/mask_rcnn_r50_fpn_160e_icdar2015")),
];

/// An extractor: name, configuration, weights.
macro_rules! extractor {
    ($name:literal) => {
        ($name, config!($name), include_bytes!(concat!("../../../weights/", $name, ".onnx")))
    };
}

const EXTRACTORS: &[(&str, &str, &[u8])] = &[extractor!("sdmgr_wildreceipt"), extractor!("sdmgr_funsd")];

pub(crate) fn extractor(name: &str) -> Option<(&'static str, &'static [u8])> {
    EXTRACTORS.iter().find(|(known, ..)| *known == name).map(|(_, config, weights)| (*config, *weights))
}

pub(crate) const LANGUAGE_MODELS: &[(&str, &[u8])] =
    &[("latin", include_bytes!("../../../weights/latin.safetensors"))];

pub(crate) fn language_model(name: &str) -> Option<&'static [u8]> {
    LANGUAGE_MODELS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

pub(crate) fn of(name: &str) -> Option<&'static Embedded> {
    ALL.iter().find(|e| e.name == name)
}
