//! From probabilities to names.

use serde::Serialize;

use crate::{ClassIndex, Result, VggError};

/// One class that a picture may show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// WordNet's number, if the class is one of ImageNet's.
    pub wnid: Option<String>,
    /// The name of the class.
    pub class: String,
    /// Its probability.
    pub score: f32,
}

/// The `top` most probable classes of one row of probabilities, the best first; all of them if there are fewer.
///
/// Equal scores stand as Keras has them, the later class first: it sorts upwards and reads backwards.
///
/// ```
/// use graft_vgg::{ClassIndex, decode_predictions};
/// let index = ClassIndex::of_names(["ants", "bees"]);
/// let best = decode_predictions(&[0.25, 0.75], &index, 1)?;
/// assert_eq!((best.len(), &*best[0].class, best[0].score), (1, "bees", 0.75));
/// # Ok::<(), graft_vgg::VggError>(())
/// ```
///
/// # Errors
/// [`VggError::ClassCount`] if there is not one name for each probability; [`VggError::Nan`], which Keras would report
/// as the best class.
pub fn decode_predictions(
    probabilities: &[f32],
    classes: &ClassIndex,
    top: usize,
) -> Result<Vec<Prediction>> {
    let names = classes.classes();
    if probabilities.len() != names.len() {
        return Err(VggError::ClassCount { outputs: probabilities.len(), classes: names.len() });
    }
    if let Some(index) = probabilities.iter().position(|p| p.is_nan()) {
        return Err(VggError::Nan { index, name: names[index].name.clone() });
    }
    let mut order: Vec<usize> = (0..names.len()).rev().collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let prediction = |i: usize| Prediction {
        wnid: names[i].wnid.clone(),
        class: names[i].name.clone(),
        score: probabilities[i],
    };
    Ok(order.into_iter().take(top).map(prediction).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(p: &[f32], top: usize) -> Vec<(String, f32)> {
        let index = ClassIndex::of_names((0..p.len()).map(|i| format!("c{i}")));
        decode_predictions(p, &index, top).unwrap().into_iter().map(|p| (p.class, p.score)).collect()
    }

    #[test]
    fn the_best_come_first_and_ties_as_in_keras() {
        let names = |p: &[f32], top| decoded(p, top).into_iter().map(|(c, _)| c).collect::<Vec<_>>();
        assert_eq!(names(&[0.1, 0.5, 0.15, 0.25], 3), ["c1", "c3", "c2"]);
        // sorted(np.array([.2, .3, .3, .2]).argsort()[-3:][::-1], key=-p) of numpy, for a short row.
        assert_eq!(names(&[0.2, 0.3, 0.3, 0.2], 3), ["c2", "c1", "c3"]);
        assert_eq!(names(&[0.2, 0.8], 5), ["c1", "c0"]);
        assert!(decoded(&[0.2, 0.8], 0).is_empty());
    }

    #[test]
    fn nan_is_an_error_and_not_the_best_class() {
        let index = ClassIndex::of_names(["ants", "bees"]);
        let error = decode_predictions(&[0.5, f32::NAN], &index, 1).unwrap_err().to_string();
        assert!(error.contains("class 1 (bees) is NaN"), "{error}");
    }

    #[test]
    fn a_list_of_another_model_is_refused() {
        let index = ClassIndex::of_names(["ants", "bees"]);
        let error = decode_predictions(&[0.2; 5], &index, 1).unwrap_err().to_string();
        assert!(error.starts_with("5 probabilities, but names for 2 classes"), "{error}");
    }

    #[test]
    fn the_wnid_comes_along() {
        let index = ClassIndex::from_json(r#"{"0": ["n01440764", "tench"]}"#).unwrap();
        let json = serde_json::to_string(&decode_predictions(&[1.0], &index, 5).unwrap()).unwrap();
        assert_eq!(json, r#"[{"wnid":"n01440764","class":"tench","score":1.0}]"#);
    }
}
