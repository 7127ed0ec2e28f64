//! The command line: how numbers are read, everywhere; and what a training method adds, its own defaults.

use std::any::TypeId;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use clap::Arg;
use clap::builder::{StringValueParser, TypedValueParser, ValueParser};
use graft_data::augment::Interval;

use crate::Recipe;
use crate::methods::Method;

/// What a method's end says to the shell.
const EXIT_CODES: &str = "\
Exit codes: 0 trained, 2 usage or no place to write to, 3 data, 4 weights or network, 5 diverged, 130 interrupted \
(what there is of the model is saved).";

/// The command line of a binary.
pub(crate) fn parse<P: clap::Parser>() -> P {
    P::from_arg_matches(&P::command().mut_args(numbers).get_matches()).unwrap_or_else(|e| e.exit())
}

/// That of a method, with its own defaults filled in and shown by `--help`.
pub(crate) fn parse_method<M: Method>() -> M {
    M::from_arg_matches(&command::<M>().get_matches()).unwrap_or_else(|e| e.exit())
}

/// Has an option that wants a number take `-1` for one, and say what it wants where that is none: by itself, clap would
/// look for an option of the name `-1`.
fn numbers(arg: Arg) -> Arg {
    let wanted = arg.get_value_parser().type_id();
    let is = |type_id: TypeId| wanted == type_id;
    let parser: ValueParser = if is(TypeId::of::<u64>()) {
        whole::<u64>().into()
    } else if is(TypeId::of::<usize>()) {
        whole::<usize>().into()
    } else if is(TypeId::of::<f64>()) {
        float::<f64>().into()
    } else if is(TypeId::of::<f32>()) {
        float::<f32>().into()
    } else if is(TypeId::of::<Interval>()) {
        arg.get_value_parser().clone()
    } else {
        return arg;
    };
    arg.value_parser(parser).allow_hyphen_values(true)
}

fn whole<T>() -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = ParseIntError> + Clone + Send + Sync + 'static,
{
    StringValueParser::new().try_map(|text| {
        text.parse::<T>().map_err(|e| match e.kind() {
            IntErrorKind::PosOverflow => "larger than any number that is possible here",
            _ => "expected a whole number, without a sign",
        })
    })
}

fn float<T: FromStr + Clone + Send + Sync + 'static>() -> impl TypedValueParser<Value = T> {
    StringValueParser::new().try_map(|text| text.parse::<T>().map_err(|_| "expected a number, such as 0.001"))
}

fn command<M: Method>() -> clap::Command {
    let Recipe { head, epochs, learning_rate, .. } = M::recipe();
    let tells = |command: clap::Command, option: &'static str, default: String| {
        command.mut_arg(option, |arg| {
            let help = format!("{} [default: {default}]", arg.get_help().cloned().unwrap_or_default());
            arg.help(help)
        })
    };
    let command = tells(M::command().mut_args(numbers), "head", format!("\"{head}\""));
    let command = tells(command, "epochs", epochs.to_string());
    let command = tells(command, "learning_rate", format!("{learning_rate:e}"));
    let examples = command.get_after_help().cloned().unwrap_or_default();
    command.after_help(format!("{examples}\n\n{EXIT_CODES}"))
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
    fn what_is_no_number_for_an_option_is_told_as_that() {
        let refused = |option: &str, value: &str| {
            let line = ["method", "--data", "photos", option, value];
            command::<Augment>().try_get_matches_from(line).unwrap_err().to_string()
        };
        for (option, value, told) in [
            ("--epochs", "-1", "expected a whole number, without a sign"),
            ("--batch-size", "-1", "expected a whole number, without a sign"),
            ("--seed", "1.5", "expected a whole number"),
            ("--seed", "18446744073709551616", "larger than any number"),
            ("--learning-rate", "fast", "expected a number"),
            ("--clipnorm", "-", "expected a number"),
            ("--zoom-range", "-1,x", "expected two numbers"),
        ] {
            let said = refused(option, value);
            assert!(
                said.contains(&format!("invalid value '{value}' for '{option}")) && said.contains(told),
                "{said}"
            );
        }
        let line = ["method", "--cval", "-1e-3", "--zoom-range", "-1,2", "--clipnorm", "-0.5"];
        let matches = command::<Augment>().try_get_matches_from(line).unwrap();
        assert_eq!(matches.get_one("cval"), Some(&-1e-3_f32));
        assert_eq!(matches.get_one("zoom_range"), Some(&Interval { low: -1.0, high: 2.0 }));
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
