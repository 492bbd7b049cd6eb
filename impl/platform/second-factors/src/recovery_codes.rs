//! Recovery codes: for users who have lost the device that makes their codes. Each is valid once.

use platform_store::{Result, sql};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

/// How many a user gets.
const CODES: usize = 10;
/// Characters of a code, five bits each: 100 bits, which cannot be guessed from their hash either.
const CODE_CHARS: usize = 20;
/// Characters of a group; a hyphen separates groups.
const GROUP_CHARS: usize = 5;
/// Crockford's Base32: without letters that are read as digits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What the database knows of a code, as people type it; `None` when it is none.
pub(crate) fn hash(typed: &str) -> Option<Vec<u8>> {
    let code: String = typed.chars().filter(|char| !matches!(char, ' ' | '-')).map(canonical).collect();
    let is_code = code.len() == CODE_CHARS && code.bytes().all(|byte| ALPHABET.contains(&byte));
    is_code.then(|| Sha256::digest(code.as_bytes()).to_vec())
}

/// Letters that look like digits are these digits.
fn canonical(char: char) -> char {
    match char.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    }
}

fn generate() -> String {
    let random: [u8; CODE_CHARS] = rand::random();
    let chars: Vec<u8> = random.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups: Vec<String> = chars.chunks(GROUP_CHARS).map(|group| String::from_utf8_lossy(group).into()).collect();
    groups.join("-")
}

/// Gives a user new codes, in place of all that they have. Must run in a transaction.
pub(crate) async fn replace(tx: &mut PgConnection, user: i64) -> Result<Vec<String>> {
    const DELETE: &str = sql!("DELETE FROM recovery_codes WHERE user_id = $1");
    const INSERT: &str = sql!("INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])");
    let codes: Vec<String> = std::iter::repeat_with(generate).take(CODES).collect();
    let hashes: Vec<Vec<u8>> = codes.iter().filter_map(|code| hash(code)).collect();
    sqlx::query(DELETE).bind(user).execute(&mut *tx).await?;
    sqlx::query(INSERT).bind(user).bind(hashes).execute(tx).await?;
    Ok(codes)
}

/// Uses a code; whether the user had it.
pub(crate) async fn spend(tx: &mut PgConnection, user: i64, hash: &[u8]) -> Result<bool> {
    const SQL: &str = sql!("DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2");
    Ok(sqlx::query(SQL).bind(user).bind(hash).execute(tx).await?.rows_affected() == 1)
}

/// Deletes all codes of a user.
pub(crate) async fn delete(tx: &mut PgConnection, user: i64) -> Result<()> {
    sqlx::query(sql!("DELETE FROM recovery_codes WHERE user_id = $1")).bind(user).execute(tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_recognized_however_it_is_typed() {
        let code = generate();
        assert_eq!((code.len(), code.matches('-').count()), (23, 3), "{code}");
        assert_ne!(generate(), code);
        let known = hash(&code);
        assert!(known.is_some());
        for typed in [code.to_uppercase(), code.replace('-', ""), code.replace('-', " "), format!(" {code} ")] {
            assert_eq!(hash(&typed), known, "{typed}");
        }
        assert_eq!(hash("O0oIi-1lLaa-aaaaa-aaaaa"), hash("00011-111aa-aaaaa-aaaaa"));
        for wrong in
            ["", "123456", &code[1..], &format!("{code}0"), "uuuuu-uuuuu-uuuuu-uuuuu", "é0000-00000-00000-0000"]
        {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
