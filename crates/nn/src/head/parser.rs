//! From tokens to calls.
//!
//! ```text
//! head     = call { "," call }
//! call     = name [ "(" [ argument { "," argument } ] ")" ]
//! argument = [ name "=" ] ( name | number )
//! ```

use super::lexer::{Token, tokens};
use super::signature::{self, Signature};
use super::{Call, HeadError};
use crate::names;

pub(super) fn parse(text: &str) -> Result<Vec<Call>, HeadError> {
    let mut p = Parser { text, tokens: tokens(text)?, next: 0 };
    let mut calls = Vec::new();
    if *p.peek() == Token::End {
        return Ok(calls);
    }
    loop {
        calls.push(p.call()?);
        match p.peek() {
            Token::End => return Ok(calls),
            Token::Mark(',') => p.next += 1,
            other => return Err(p.error(format!("expected ',' before the next layer, got {other}"))),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    next: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next].0
    }

    /// An error at the next token.
    fn error(&self, message: impl Into<String>) -> HeadError {
        HeadError::new(self.text, self.at(), message)
    }

    /// Steps over a mark, if it comes next.
    fn skip(&mut self, mark: char) -> bool {
        let there = *self.peek() == Token::Mark(mark);
        self.next += usize::from(there);
        there
    }

    fn call(&mut self) -> Result<Call, HeadError> {
        let at = self.at();
        let Token::Word(name) = self.peek() else {
            return Err(self.error(format!("expected a layer, got {}", self.peek())));
        };
        let signature = signature::find(name).ok_or_else(|| {
            let nearest = names::suggest(name, signature::ALL.iter().map(|s| s.name));
            let all = signature::ALL.iter().map(Signature::usage).collect::<Vec<_>>().join(", ");
            self.error(format!("there is no layer '{name}'; {nearest} (the layers: {all})"))
        })?;
        self.next += 1;
        let mut arguments = vec![None; signature.parameters.len()];
        if self.skip('(') && !self.skip(')') {
            loop {
                self.argument(signature, &mut arguments)?;
                if self.skip(')') {
                    break;
                }
                if !self.skip(',') {
                    let (name, got) = (signature.name, self.peek());
                    return Err(
                        self.error(format!("expected ',' or ')' after an argument of {name}, got {got}"))
                    );
                }
            }
        }
        if let Some((missing, _)) =
            signature.parameters.iter().zip(&arguments).find(|(p, a)| p.required && a.is_none())
        {
            let message = format!("{} needs {}: write {}", signature.name, missing.name, signature.usage());
            return Err(HeadError::new(self.text, at, message));
        }
        Ok(Call { at, signature, arguments })
    }

    fn argument(
        &mut self,
        signature: &Signature,
        arguments: &mut [Option<signature::Value>],
    ) -> Result<(), HeadError> {
        let named = matches!(self.tokens.get(self.next + 1), Some((_, Token::Mark('='))));
        let place = if named {
            let Token::Word(name) = self.peek() else {
                return Err(
                    self.error(format!("expected the name of an argument before '=', got {}", self.peek()))
                );
            };
            let place = signature.parameters.iter().position(|p| p.name == name).ok_or_else(|| {
                let nearest = names::suggest(name, signature.parameters.iter().map(|p| p.name));
                self.error(format!("{} has no argument '{name}'; {nearest}", signature.name))
            })?;
            if arguments[place].is_some() {
                return Err(self.error(format!("{name} is given twice")));
            }
            self.next += 2;
            place
        } else {
            // By position: the one after the last that was given.
            let place = arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            if place == arguments.len() {
                let (got, usage) = (self.peek(), signature.usage());
                return Err(self.error(format!("one argument too many, {got}: write {usage}")));
            }
            place
        };
        let parameter = &signature.parameters[place];
        let value = parameter.kind.read(self.peek()).ok_or_else(|| {
            let (name, wanted, got) = (parameter.name, parameter.kind.describe(), self.peek());
            self.error(format!("{name} of {} must be {wanted}, got {got}", signature.name))
        })?;
        arguments[place] = Some(value);
        self.next += 1;
        Ok(())
    }
}
