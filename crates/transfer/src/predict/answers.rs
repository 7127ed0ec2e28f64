//! What is said of pictures, to a person and to programs.

use std::path::Path;

use graft_vgg::Prediction;
use serde::Serialize;

use crate::Result;
use crate::output::{to_stdout, write_csv};
use crate::progress::note;
use crate::report::probability;

/// What is said of one picture.
#[derive(Serialize)]
pub(super) struct Answer {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// The classes that it may be of, or why there are none.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Predictions(Vec<Prediction>),
    Error(String),
}

/// One answer for a person: the picture, then a line for each class. Nobody reads on when the pipe is closed.
pub(super) fn tell(answer: &Answer, as_json: bool) -> Result<()> {
    match &answer.outcome {
        Outcome::Error(e) => note(format!("error: {e}")),
        Outcome::Predictions(_) if as_json => {}
        Outcome::Predictions(top) => {
            let mut lines = format!("{}\n", answer.path);
            for p in top {
                let wnid = p.wnid.as_ref().map_or_else(String::new, |w| format!("{w}  "));
                lines += &format!("  {:.4}  {wnid}{}\n", p.score, p.class);
            }
            to_stdout(&lines)?;
        }
    }
    Ok(())
}

/// A row for each answer, or one with the reason why there is none.
pub(super) fn write_answers(file: &Path, answers: &[Answer]) -> Result<()> {
    let none = String::new;
    let of = |a: &Answer| match &a.outcome {
        Outcome::Error(e) => vec![[a.path.clone(), none(), none(), none(), none(), e.clone()]],
        Outcome::Predictions(top) => {
            let row = |(i, p): (usize, &Prediction)| {
                let (rank, wnid) = ((i + 1).to_string(), p.wnid.clone().unwrap_or_default());
                [a.path.clone(), rank, wnid, p.class.clone(), probability(p.score), none()]
            };
            top.iter().enumerate().map(row).collect()
        }
    };
    let rows = answers.iter().flat_map(of);
    write_csv(file, ["path", "rank", "wnid", "class", "score", "error"].map(String::from), rows)
}
