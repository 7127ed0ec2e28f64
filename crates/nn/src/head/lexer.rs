//! From characters to words, numbers and marks, each with the place where it begins.

use std::fmt;

use super::HeadError;

/// What a text is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Number(f64),
    /// One of `( ) , =`
    Mark(char),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(w) => write!(f, "'{w}'"),
            Self::Number(n) => write!(f, "'{n}'"),
            Self::Mark(c) => write!(f, "'{c}'"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// The tokens with the number of their first character, from 1; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, HeadError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let start = i;
        let mut take = |belongs: fn(char) -> bool| {
            i += chars[i..].iter().take_while(|&&c| belongs(c)).count().max(1);
            chars[start..i].iter().collect::<String>()
        };
        let token = match chars[start] {
            c if c.is_whitespace() => {
                i += 1;
                continue;
            }
            c @ ('(' | ')' | ',' | '=') => {
                i += 1;
                Token::Mark(c)
            }
            c if c.is_alphabetic() || c == '_' => Token::Word(take(|c| c.is_alphanumeric() || c == '_')),
            // As Keras's code has it, activation='relu'.
            quote @ ('\'' | '"') if chars[start + 1..].contains(&quote) => {
                let word: String = chars[start + 1..].iter().take_while(|&&c| c != quote).collect();
                i += word.chars().count() + 2;
                Token::Word(word)
            }
            '0'..='9' | '.' | '-' | '+' => {
                let digits = take(|c| c.is_alphanumeric() || "._-+".contains(c));
                let number = digits.parse().ok().filter(|n: &f64| n.is_finite());
                Token::Number(number.ok_or_else(|| {
                    HeadError::new(text, start + 1, format!("'{digits}' is not a number, such as 256 or 0.5"))
                })?)
            }
            c => {
                let message = format!(
                    "'{c}' has no meaning here; a head is a list such as flatten, dense(classes, softmax)"
                );
                return Err(HeadError::new(text, start + 1, message));
            }
        };
        tokens.push((start + 1, token));
    }
    tokens.push((chars.len() + 1, Token::End));
    Ok(tokens)
}
