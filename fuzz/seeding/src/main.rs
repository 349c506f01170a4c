//! Writes the seeds of each target: `seeding SOURCES ROOT FOLDER` makes FOLDER/TARGET/sample-N of what stands in ROOT, in
//! the files that SOURCES lists for TARGET.
//!
//! A sample is a string in the source of the parser it was captured for (in its tests, mostly), or a whole file that
//! is no source. So the seeds grow with the samples, and none is kept twice.

#![forbid(unsafe_code)]

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A string that is shorter is a word, and no sample.
const SHORTEST: usize = 8;
/// Whole reports are as large as this; larger ones only slow the fuzzer down.
const LARGEST: u64 = 400_000;

fn main() -> io::Result<()> {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [sources, root, folder] = args.as_slice() else {
        return Err(io::Error::other("seeding SOURCES ROOT FOLDER"));
    };
    let sources = fs::read_to_string(sources)?;
    for line in sources.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut seeds = BTreeSet::new();
        for source in words {
            gather(&root.join(source), &mut seeds)?;
        }
        if seeds.is_empty() {
            return Err(io::Error::other(format!("{name} has no seed")));
        }
        let to = folder.join(name);
        // What is no longer a sample is no seed.
        let _ = fs::remove_dir_all(&to);
        fs::create_dir_all(&to)?;
        for (at, seed) in seeds.iter().enumerate() {
            fs::write(to.join(format!("sample-{at:04}")), seed)?;
        }
        println!("{name:<14} {:>5} seeds", seeds.len());
    }
    Ok(())
}

fn gather(path: &Path, seeds: &mut BTreeSet<Vec<u8>>) -> io::Result<()> {
    let found =
        fs::metadata(path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            gather(&entry?.path(), seeds)?;
        }
    } else if path.extension().is_some_and(|it| it == "rs") {
        let text = fs::read_to_string(path)?;
        let tokens: TokenStream = text.parse().map_err(|error| io::Error::other(format!("{error}")))?;
        strings(tokens, seeds);
    } else if found.len() <= LARGEST {
        seeds.insert(fs::read(path)?);
    }
    Ok(())
}

fn strings(tokens: TokenStream, seeds: &mut BTreeSet<Vec<u8>>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => strings(group.stream(), seeds),
            TokenTree::Literal(literal) => match syn::Lit::new(literal) {
                syn::Lit::Str(text) if text.value().len() >= SHORTEST => {
                    seeds.insert(text.value().into_bytes());
                }
                syn::Lit::ByteStr(bytes) if bytes.value().len() >= SHORTEST => {
                    seeds.insert(bytes.value());
                }
                _ => {}
            },
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}
