//! Where a pre-training stands after each epoch, as one file: all that the next epoch depends on.
//!
//! Random numbers have no running state here (they are named by seed, epoch and sample), and the step size follows the
//! optimiser's count of steps. So the weights, running statistics included, and what the optimiser remembers of them
//! are enough to go on, bit for bit as if nothing had happened.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant;

use graft_nn::Sequential;
use graft_nn::callbacks::{Callback, Control};
use graft_nn::fit::{FitError, Logs};
use graft_nn::optimizers::{Optimizer, OptimizerState};
use graft_tensor::DType;
use graft_weights::{WeightsFile, write_safetensors};
use serde::{Deserialize, Serialize};

use super::Recipe;
use crate::{Error, Result, model_file};

/// The file within the run's folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The key of [`State`] in its header.
const KEY: &str = "graft-checkpoint";
/// What the optimiser's tensors are filed under.
const OPTIMIZER: &str = "optimizer";

/// What a checkpoint says beside the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The options that decide the result.
    pub recipe: Recipe,
    /// The digest of the pictures.
    pub data: String,
    /// The digest of the weights that it began with: random ones of the recipe's seed, or those of an earlier run.
    pub first_weights: String,
    /// The instruction set: another one rounds differently.
    pub isa: String,
    /// How many steps have been taken.
    pub steps: u64,
    /// The epochs that are done, from the first.
    pub history: Vec<Epoch>,
}

/// One epoch that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its figures by name.
    pub logs: BTreeMap<String, f64>,
    /// How long it took.
    pub seconds: f64,
}

impl State {
    /// Where a run stands that has not begun.
    pub fn new(recipe: &Recipe, data: String, isa: &str, network: &Sequential) -> Self {
        let (recipe, isa, first_weights) = (recipe.clone(), isa.to_owned(), digest(network));
        Self { recipe, data, first_weights, isa, steps: 0, history: Vec::new() }
    }

    /// An error unless a run that has not begun, `new`, is the same as the one that the checkpoint at `path` is of.
    ///
    /// # Errors
    /// [`Error::Model`] with what differs.
    pub fn require_same(&self, new: &Self, path: &Path) -> Result<()> {
        let differs = |what: &str, had: &str, has: &str| {
            let problem = format!("was made with {what} {had}, and this run has {has}");
            Err(Error::model(path, problem, "repeat the same command, or begin anew with another --out"))
        };
        let options = |state: &Self| serde_json::to_value(&state.recipe).unwrap_or_default();
        let (had, has) = (options(self), options(new));
        let options = had.as_object().into_iter().flatten();
        if let Some((name, value)) = options.into_iter().find(|(name, value)| has[name.as_str()] != **value) {
            let flag = format!("--{}", name.replace('_', "-"));
            return differs(&flag, &value.to_string(), &has[name.as_str()].to_string());
        }
        if self.data != new.data {
            return differs("pictures of digest", &self.data, &new.data);
        }
        if self.first_weights != new.first_weights {
            return differs("first weights of digest", &self.first_weights, &new.first_weights);
        }
        if self.isa != new.isa {
            return differs("kernels for", &self.isa, &new.isa);
        }
        Ok(())
    }
}

/// The digest of all weights of a network, bit for bit.
fn digest(network: &Sequential) -> String {
    let mut hasher = blake3::Hasher::new();
    for (_, _, weight) in network.weights() {
        weight.value.data().iter().for_each(|w| {
            hasher.update(&w.to_le_bytes());
        });
    }
    hasher.finalize().to_hex().to_string()
}

/// Gives a network the weights of another run's checkpoint.
///
/// # Errors
/// [`Error::Model`] or [`Error::Weights`] if there is none, or it is of another network.
pub fn begin_with(path: &Path, network: &mut Sequential) -> Result<()> {
    let file = WeightsFile::open(path)?;
    if file.metadata(KEY).is_none() {
        return Err(Error::model(path, "is no checkpoint of `pretrain`", "name the folder of such a run"));
    }
    model_file::read_weights(&file, network).map_err(|e| {
        let problem = format!("is of another network than this run's ({e})");
        Error::model(
            path,
            problem,
            "--from takes a run with the same classes, --invented-coats and --width-divisor",
        )
    })
}

/// Writes the checkpoint.
fn save(path: &Path, state: &State, model: &Sequential, optimizer: &Optimizer) -> Result<()> {
    let OptimizerState { tensors: remembered, .. } = optimizer.state(model);
    let mut tensors = model_file::tensors(model);
    tensors.extend(remembered.iter().map(|(name, tensor)| (format!("{OPTIMIZER}.{name}"), tensor)));
    let written = serde_json::to_string(state).map_err(std::io::Error::from).and_then(|state| {
        write_safetensors(path, HashMap::from([(KEY.to_owned(), state)]), &tensors, DType::F32)
    });
    written.map_err(|e| Error::write(path, &e))
}

/// Reads a checkpoint, if there is one, into a network and an optimiser that fit it.
///
/// # Errors
/// [`Error::Model`] or [`Error::Weights`] if it is damaged or of another run than `new`.
pub fn resume(
    path: &Path,
    new: &State,
    model: &mut Sequential,
    optimizer: &mut Optimizer,
) -> Result<Option<State>> {
    if !path.exists() {
        return Ok(None);
    }
    let file = WeightsFile::open(path)?;
    let damaged = |what: String| Error::model(path, what, "begin anew with another --out");
    let state = file.metadata(KEY).ok_or_else(|| damaged("is no checkpoint of `pretrain`".into()))?;
    let state: State = serde_json::from_str(state)
        .map_err(|e| damaged(format!("has a state that cannot be read ({e}), perhaps of another version")))?;
    state.require_same(new, path)?;
    model_file::read_weights(&file, model)?;
    let mut remembered = OptimizerState {
        iterations: state.steps,
        learning_rate: optimizer.learning_rate(),
        tensors: BTreeMap::new(),
    };
    for (i, entry) in file.entries().iter().enumerate() {
        if let Some(name) = entry.name.strip_prefix(&format!("{OPTIMIZER}.")) {
            remembered.tensors.insert(name.to_owned(), file.tensor(i)?);
        }
    }
    optimizer.restore(model, &remembered)?;
    Ok(Some(state))
}

/// Writes a checkpoint after every epoch.
pub struct Saver<'a> {
    path: &'a Path,
    state: State,
    begun: Instant,
}

impl<'a> Saver<'a> {
    /// Goes on from `state`.
    pub fn new(path: &'a Path, state: State) -> Self {
        Self { path, state, begun: Instant::now() }
    }

    /// Where the run stands now.
    pub fn into_state(self) -> State {
        self.state
    }
}

impl Callback for Saver<'_> {
    fn on_epoch_begin(&mut self, _: u64, _: &mut Control<'_>) -> Result<(), FitError> {
        self.begun = Instant::now();
        Ok(())
    }

    fn on_epoch_end(&mut self, _: u64, logs: &mut Logs, control: &mut Control<'_>) -> Result<(), FitError> {
        let logs = logs.iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.state.history.push(Epoch { logs, seconds: self.begun.elapsed().as_secs_f64() });
        self.state.steps = control.optimizer.iterations();
        save(self.path, &self.state, control.model, control.optimizer)
            .map_err(|e| FitError::Save(Box::new(e)))
    }
}
