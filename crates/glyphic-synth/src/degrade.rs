//! What scanners, tills and cameras do to text.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use crate::{
    canvas::{Canvas, white_noise},
    dice::Dice,
};

/// Resizes, antialiased when shrinking.
pub(crate) fn resize(canvas: &Canvas, w: usize, h: usize, filter: ResizeAlg) -> Canvas {
    resize_part(canvas, [0.0, 0.0, canvas.w as f64, canvas.h as f64], w, h, filter)
}

/// As [`resize`], of a rectangle (left, top, width, height) inside the picture.
pub(crate) fn resize_part(canvas: &Canvas, part: [f64; 4], w: usize, h: usize, filter: ResizeAlg) -> Canvas {
    let mut out = Canvas::new(w, h, [0; 3]);
    // Typed views: the dynamic ones would compile the filters for every pixel type.
    let source = TypedImageRef::<U8x3>::from_buffer(canvas.w as u32, canvas.h as u32, &canvas.rgb)
        .expect("3 bytes a pixel");
    let mut target =
        TypedImage::<U8x3>::from_buffer(w as u32, h as u32, &mut out.rgb).expect("3 bytes a pixel");
    let [left, top, wide, high] = part;
    let options = ResizeOptions::new().resize_alg(filter).crop(left, top, wide, high);
    Resizer::new().resize_typed(&source, &mut target, &options).expect("the part lies inside");
    drop(target);
    out
}

/// Loses detail: shrinks to `factor` of the size and back.
pub(crate) fn low_resolution(canvas: &mut Canvas, dice: &mut Dice, factor: f32) {
    let (w, h) = (canvas.w, canvas.h);
    let small = |v: usize| ((v as f32 * factor).round() as usize).max(4);
    let down = dice.weighted(&[
        (ResizeAlg::Convolution(FilterType::Bilinear), 3.0),
        (ResizeAlg::Convolution(FilterType::Box), 1.0),
        (ResizeAlg::Interpolation(FilterType::Bilinear), 1.0),
    ]);
    let up = dice.weighted(&[
        (ResizeAlg::Convolution(FilterType::Bilinear), 3.0),
        (ResizeAlg::Convolution(FilterType::CatmullRom), 3.0),
        (ResizeAlg::Convolution(FilterType::Lanczos3), 1.0),
        (ResizeAlg::Nearest, 0.3),
    ]);
    let shrunk = resize(canvas, small(w), small(h), down);
    *canvas = resize(&shrunk, w, h, up);
}

/// A symmetric kernel's half: weight 0 is the centre.
fn gauss(sigma: f32) -> Vec<f32> {
    let radius = (2.5 * sigma).ceil() as usize;
    let mut k: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let sum = k[0] + 2.0 * k[1..].iter().sum::<f32>();
    k.iter_mut().for_each(|v| *v /= sum);
    k
}

/// Blurs with its own sigma (pixels) in each direction.
pub(crate) fn blur(canvas: &mut Canvas, sigma_x: f32, sigma_y: f32) {
    let (w, h) = (canvas.w, canvas.h);
    let row_len = w * 3;
    if sigma_x > 0.25 {
        let k = gauss(sigma_x);
        let pad = (k.len() - 1) * 3;
        let mut wide = vec![0.0f32; row_len + 2 * pad];
        let mut sum = vec![0.0f32; row_len];
        for row in canvas.rgb.chunks_exact_mut(row_len) {
            for (o, v) in wide[pad..].iter_mut().zip(row.iter()) {
                *o = f32::from(*v);
            }
            for i in 0..pad {
                wide[i] = f32::from(row[i % 3]);
                wide[pad + row_len + i] = f32::from(row[row_len - 3 + i % 3]);
            }
            for (s, v) in sum.iter_mut().zip(&wide[pad..]) {
                *s = v * k[0];
            }
            for (i, weight) in k.iter().enumerate().skip(1) {
                let (left, right) = (&wide[pad - 3 * i..], &wide[pad + 3 * i..]);
                for ((s, a), b) in sum.iter_mut().zip(left).zip(right) {
                    *s += (a + b) * weight;
                }
            }
            for (o, s) in row.iter_mut().zip(&sum) {
                *o = (s + 0.5) as u8;
            }
        }
    }
    if sigma_y > 0.25 {
        let k = gauss(sigma_y);
        let source = canvas.rgb.clone();
        let line = |y: isize| {
            let y = y.clamp(0, h as isize - 1) as usize;
            &source[y * row_len..(y + 1) * row_len]
        };
        let mut sum = vec![0.0f32; row_len];
        for (y, row) in canvas.rgb.chunks_exact_mut(row_len).enumerate() {
            for (s, v) in sum.iter_mut().zip(line(y as isize)) {
                *s = f32::from(*v) * k[0];
            }
            for (i, weight) in k.iter().enumerate().skip(1) {
                let (up, down) = (line(y as isize - i as isize), line(y as isize + i as isize));
                for ((s, a), b) in sum.iter_mut().zip(up).zip(down) {
                    *s += (f32::from(*a) + f32::from(*b)) * weight;
                }
            }
            for (o, s) in row.iter_mut().zip(&sum) {
                *o = (s + 0.5) as u8;
            }
        }
    }
}

/// Averages along a stroke of `length` pixels at `angle` radians.
pub(crate) fn motion_blur(canvas: &mut Canvas, length: f32, angle: f32) {
    let n = (length.ceil() as usize).max(2);
    let (w, h) = (canvas.w as isize, canvas.h as isize);
    let source = canvas.rgb.clone();
    let mut sum = vec![0u16; source.len()];
    for i in 0..n {
        let t = (i as f32 / (n - 1) as f32 - 0.5) * length;
        let (dx, dy) = ((t * angle.cos()).round() as isize, (t * angle.sin()).round() as isize);
        for y in 0..h {
            let from = (y + dy).clamp(0, h - 1) * w;
            for x in 0..w {
                let s = ((from + (x + dx).clamp(0, w - 1)) * 3) as usize;
                let o = ((y * w + x) * 3) as usize;
                for c in 0..3 {
                    sum[o + c] += u16::from(source[s + c]);
                }
            }
        }
    }
    for (o, s) in canvas.rgb.iter_mut().zip(sum) {
        *o = (s / n as u16) as u8;
    }
}

/// Adds normal noise, the same for the three channels or not.
pub(crate) fn noise(canvas: &mut Canvas, dice: &mut Dice, sigma: f32, coloured: bool) {
    if coloured {
        for (p, v) in canvas.rgb.iter_mut().zip(white_noise(dice, canvas.w * canvas.h * 3)) {
            *p = (f32::from(*p) + v * sigma + 0.5) as u8;
        }
    } else {
        for (p, v) in canvas.rgb.chunks_exact_mut(3).zip(white_noise(dice, canvas.w * canvas.h)) {
            for c in p {
                *c = (f32::from(*c) + v * sigma + 0.5) as u8;
            }
        }
    }
}

/// Multiplies by noise: bright places suffer more.
pub(crate) fn speckle(canvas: &mut Canvas, dice: &mut Dice, sigma: f32) {
    for (p, v) in canvas.rgb.chunks_exact_mut(3).zip(white_noise(dice, canvas.w * canvas.h)) {
        for c in p {
            *c = (f32::from(*c) * (1.0 + v * sigma) + 0.5) as u8;
        }
    }
}

/// Sets a share of the pixels to black or white.
pub(crate) fn salt_and_pepper(canvas: &mut Canvas, dice: &mut Dice, share: f32) {
    let n = (share * (canvas.w * canvas.h) as f32) as usize;
    for _ in 0..n {
        let i = dice.index(canvas.w * canvas.h) * 3;
        let v = if dice.chance(0.5) { dice.int(0, 60) } else { dice.int(200, 255) } as u8;
        canvas.rgb[i..i + 3].fill(v);
    }
}

/// Contrast about the middle grey, then brightness, then gamma.
pub(crate) fn tone(canvas: &mut Canvas, contrast: f32, brightness: f32, gamma: f32) {
    let table: [u8; 256] = std::array::from_fn(|i| {
        let v = (((i as f32 - 128.0) * contrast + 128.0 + brightness) / 255.0).clamp(0.0, 1.0);
        (v.powf(gamma) * 255.0 + 0.5) as u8
    });
    canvas.rgb.iter_mut().for_each(|p| *p = table[usize::from(*p)]);
}

/// Darkens from one side to the other, down to `dark` (0 to 1).
pub(crate) fn shade(canvas: &mut Canvas, dice: &mut Dice, dark: f32) {
    let angle = dice.f(0.0, std::f32::consts::TAU);
    let (w, h) = (canvas.w as f32, canvas.h as f32);
    let (ax, ay) = (angle.cos() / w, angle.sin() / h);
    let offset = 0.5 * (1.0 - angle.cos() - angle.sin());
    // A sharp edge is a cast shadow, a soft one a lamp far off.
    let sharp = if dice.chance(0.2) { dice.f(4.0, 20.0) } else { 1.0 };
    let width = canvas.w;
    for (y, row) in canvas.rgb.chunks_exact_mut(width * 3).enumerate() {
        for (x, p) in row.chunks_exact_mut(3).enumerate() {
            let t = x as f32 * ax + y as f32 * ay + offset;
            let f = 1.0 - (1.0 - dark) * ((t - 0.5) * sharp + 0.5).clamp(0.0, 1.0);
            for c in p {
                *c = (f32::from(*c) * f + 0.5) as u8;
            }
        }
    }
}

/// Unsharp masking, with the bright and dark rims that scanners leave.
pub(crate) fn sharpen(canvas: &mut Canvas, sigma: f32, amount: f32) {
    let mut soft = Canvas { w: canvas.w, h: canvas.h, rgb: canvas.rgb.clone() };
    blur(&mut soft, sigma, sigma);
    for (p, s) in canvas.rgb.iter_mut().zip(&soft.rgb) {
        let v = f32::from(*p);
        *p = (v + (v - f32::from(*s)) * amount + 0.5) as u8;
    }
}

/// Makes the picture grey.
pub(crate) fn grey(canvas: &mut Canvas) {
    for p in canvas.rgb.chunks_exact_mut(3) {
        let v = (77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8;
        p.fill(v as u8);
    }
}

/// Encodes as JPEG and decodes again. `quality` 1 to 100.
pub(crate) fn jpeg(canvas: &mut Canvas, quality: u8, subsample: bool) {
    // JPEG's own limit; nothing drawn here is larger.
    let (Ok(w), Ok(h)) = (u16::try_from(canvas.w), u16::try_from(canvas.h)) else { return };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(if subsample { SamplingFactor::F_2_2 } else { SamplingFactor::F_1_1 });
    if encoder.encode(&canvas.rgb, w, h, ColorType::Rgb).is_err() {
        return;
    }
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    if let Ok(rgb) = JpegDecoder::new_with_options(ZCursor::new(&bytes), options).decode()
        && rgb.len() == canvas.rgb.len()
    {
        canvas.rgb = rgb;
    }
}

/// What a flatbed or a till's scan does to a receipt or letter. `text` is the height of its letters in pixels.
pub(crate) fn scan(canvas: &mut Canvas, dice: &mut Dice, text: f32) {
    if dice.chance(0.35) && text > 11.0 {
        let to = dice.f(9.0, 22.0).min(text);
        low_resolution(canvas, dice, to / text);
    }
    if dice.chance(0.45) {
        let s = dice.f(0.3, 1.0) * (text / 26.0).clamp(0.5, 1.6);
        let t = s * dice.f(0.7, 1.3);
        blur(canvas, s, t);
    }
    if dice.chance(0.3) {
        let (sigma, amount) = (dice.f(0.6, 1.4), dice.f(0.4, 2.0));
        sharpen(canvas, sigma, amount);
    }
    if dice.chance(0.3) {
        let sigma = dice.f(1.0, 12.0);
        let coloured = dice.chance(0.2);
        noise(canvas, dice, sigma, coloured);
    }
    if dice.chance(0.05) {
        let share = dice.f(0.001, 0.015);
        salt_and_pepper(canvas, dice, share);
    }
    if dice.chance(0.25) {
        let dark = dice.f(0.55, 0.95);
        shade(canvas, dice, dark);
    }
    if dice.chance(0.35) {
        let (contrast, brightness, gamma) = (dice.f(0.6, 1.7), dice.f(-35.0, 30.0), dice.f(0.7, 1.5));
        tone(canvas, contrast, brightness, gamma);
    }
    if dice.chance(0.6) {
        let grade = dice.f(20.0, 95.0) as u8;
        let subsample = dice.chance(0.6);
        jpeg(canvas, grade, subsample);
    }
}

/// What a camera does to a sign.
pub(crate) fn photograph(canvas: &mut Canvas, dice: &mut Dice, text: f32) {
    if dice.chance(0.35) {
        let dark = dice.f(0.35, 0.95);
        shade(canvas, dice, dark);
    }
    if dice.chance(0.5) {
        let (contrast, brightness, gamma) = (dice.f(0.45, 1.5), dice.f(-55.0, 45.0), dice.f(0.6, 1.8));
        tone(canvas, contrast, brightness, gamma);
    }
    if dice.chance(0.45) && text > 11.0 {
        let to = dice.f(9.0, 26.0).min(text);
        low_resolution(canvas, dice, to / text);
    }
    match dice.weighted(&[(0, 0.4), (1, 0.48), (2, 0.12)]) {
        1 => {
            let s = dice.f(0.3, 1.7) * (text / 30.0).clamp(0.5, 1.8);
            blur(canvas, s, s);
        }
        2 => {
            let (length, angle) =
                (dice.f(2.0, 5.0) * (text / 32.0).max(0.6), dice.f(0.0, std::f32::consts::PI));
            motion_blur(canvas, length, angle);
        }
        _ => {}
    }
    if dice.chance(0.35) {
        let sigma = dice.f(1.0, 16.0);
        let coloured = dice.chance(0.6);
        noise(canvas, dice, sigma, coloured);
    }
    if dice.chance(0.06) {
        let sigma = dice.f(0.03, 0.15);
        speckle(canvas, dice, sigma);
    }
    if dice.chance(0.15) {
        let (sigma, amount) = (dice.f(0.6, 1.6), dice.f(0.4, 1.8));
        sharpen(canvas, sigma, amount);
    }
    if dice.chance(0.12) {
        grey(canvas);
    }
    if dice.chance(0.5) {
        let grade = dice.f(15.0, 95.0) as u8;
        let subsample = dice.chance(0.7);
        jpeg(canvas, grade, subsample);
    }
}
