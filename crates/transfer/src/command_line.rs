//! The command line of a training method: what all share, what is its own, and its defaults.

use crate::Recipe;
use crate::methods::Method;

/// The command line, with the method's own defaults filled in and shown by `--help`.
pub(crate) fn parse<M: Method>() -> M {
    M::from_arg_matches(&command::<M>().get_matches()).unwrap_or_else(|e| e.exit())
}

fn command<M: Method>() -> clap::Command {
    let Recipe { head, epochs, learning_rate, .. } = M::recipe();
    let tells = |command: clap::Command, option: &'static str, default: String| {
        command.mut_arg(option, |arg| {
            let help = format!("{} [default: {default}]", arg.get_help().cloned().unwrap_or_default());
            arg.help(help)
        })
    };
    let command = tells(M::command(), "head", format!("\"{head}\""));
    let command = tells(command, "epochs", epochs.to_string());
    tells(command, "learning_rate", format!("{learning_rate:e}"))
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::Inputs;
    use crate::methods::{Augment, CustomLayers, FeatureExtractor, FineTune};

    /// What a method does when nothing is said is what its recipe says and what its help shows.
    fn shows_and_takes_its_own_defaults<M: Method>() {
        let recipe = M::recipe();
        // Lines are broken to the terminal's width.
        let help = command::<M>().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let head = format!("\"{}\"", recipe.head);
        for default in [head, recipe.epochs.to_string(), format!("{:e}", recipe.learning_rate)] {
            assert!(
                help.contains(&format!("[default: {default}]")),
                "{}: {default} in {help}",
                recipe.method
            );
        }
        let resolved = |arguments: &[&str]| {
            let line = ["method"].iter().chain(arguments);
            let method = M::from_arg_matches(&command::<M>().try_get_matches_from(line).unwrap()).unwrap();
            method.resolved(&Inputs::of(method.options()).unwrap())
        };
        let own = resolved(&["--data", "photos"]);
        assert_eq!(
            (&own.head, own.epochs, own.learning_rate, own.unfreeze_last),
            (&recipe.head, recipe.epochs, recipe.learning_rate, recipe.unfreeze_last)
        );
        let narrow = resolved(&[]);
        assert_eq!((narrow.head, narrow.epochs), (format!("batch_normalization(0.9), {}", recipe.head), 20));
        let asked = resolved(&["--epochs", "3", "--head", "flatten, dense(classes, softmax)"]);
        assert_eq!((&asked.head[..], asked.epochs), ("flatten, dense(classes, softmax)", 3));
    }

    #[test]
    fn every_method_shows_and_takes_its_own_defaults() {
        shows_and_takes_its_own_defaults::<FeatureExtractor>();
        shows_and_takes_its_own_defaults::<FineTune>();
        shows_and_takes_its_own_defaults::<CustomLayers>();
        shows_and_takes_its_own_defaults::<Augment>();
    }

    #[test]
    fn every_optimizer_and_every_rung_can_be_asked_for_and_gradients_be_clipped_one_way() {
        let parse = |more: &[&str]| {
            let line = ["method", "--data", "photos"].iter().chain(more);
            let matches = command::<FineTune>().try_get_matches_from(line)?;
            FineTune::from_arg_matches(&matches)
        };
        for name in graft_nn::optimizers::Algorithm::NAMES {
            assert_eq!(parse(&["--optimizer", name]).unwrap().options().optimizer, name);
        }
        for algorithm in graft_kernels::conv2d::Algorithm::LADDER {
            let method = parse(&["--conv-algorithm", algorithm.name()]).unwrap();
            assert_eq!(method.options().conv_algorithm, algorithm);
        }
        let clipping = parse(&["--global-clipnorm", "0.5"]).unwrap().options().clipping().unwrap();
        assert_eq!(clipping, Some(graft_nn::optimizers::Clipping::GlobalClipnorm(0.5)));
        assert!(parse(&["--clipnorm", "1", "--clipvalue", "1"]).is_err());
        assert!(parse(&["--min-lr", "0.1"]).is_err(), "of no use without --reduce-lr-on-plateau");
        assert!(parse(&["--optimizer", "momentum"]).is_err());
    }

    #[test]
    fn features_of_another_algorithm_are_others() {
        let conditions = |algorithm: &str| {
            let line = ["method", "--data", "photos", "--conv-algorithm", algorithm];
            let matches = command::<FineTune>().try_get_matches_from(line).unwrap();
            FineTune::from_arg_matches(&matches).unwrap().options().conditions()
        };
        assert_ne!(conditions("auto"), conditions("direct"));
        assert_ne!(conditions("reference"), conditions("direct"));
        assert!(!conditions("auto").contains("auto"), "what was kept before there was a choice stays good");
    }
}
