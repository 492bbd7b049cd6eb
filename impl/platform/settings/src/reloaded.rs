//! What is made of a secret, and made again when its file has changed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use crate::{InvalidSettings, Secret};

/// How often a file is looked at, by whoever needs it next: requests do not wait for it, nor does anything run while there are none.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is made of a secret. It follows the secret's file within a second.
pub struct Reloaded<T> {
    current: RwLock<Arc<T>>,
    /// Absent for a secret that cannot change.
    source: Option<Mutex<Source<T>>>,
}

struct Source<T> {
    secret: Secret,
    made_of: SecretString,
    looked: Instant,
    make: Make<T>,
}

type Make<T> = Arc<dyn Fn(&str) -> Result<T, InvalidSettings> + Send + Sync>;

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Makes it. A new value of which it cannot be made is rejected, for whoever else uses the secret, too.
    ///
    /// # Errors
    /// When it cannot be made of the present value.
    pub fn new(
        secret: &Secret,
        make: impl Fn(&str) -> Result<T, InvalidSettings> + Send + Sync + 'static,
    ) -> Result<Self, InvalidSettings> {
        let make = Arc::new(make);
        let check = Arc::clone(&make);
        secret.must(move |text| check(text).map(drop))?;
        let made_of = secret.current();
        let current = RwLock::new(Arc::new(make(made_of.expose_secret())?));
        let source = Source { secret: secret.clone(), made_of, looked: Instant::now(), make };
        Ok(Self { current, source: secret.is_file().then(|| Mutex::new(source)) })
    }

    /// What is made of the secret that is valid now.
    pub fn get(&self) -> Arc<T> {
        // One looks, and the others go on with what there is.
        if let Some(Ok(mut source)) = self.source.as_ref().map(Mutex::try_lock)
            && source.looked.elapsed() >= INTERVAL
        {
            source.looked = Instant::now();
            let now = source.secret.current();
            // It was made once, when the value was checked.
            if now.expose_secret() != source.made_of.expose_secret()
                && let Ok(new) = (source.make)(now.expose_secret())
            {
                source.made_of = now;
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            }
        }
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> fmt::Debug for Reloaded<T> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Reloaded")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret_file::SecretFile;

    #[test]
    fn what_is_made_of_a_file_follows_it_and_all_take_a_new_value_or_none() {
        let path = std::env::temp_dir().join(format!("reloaded-{}", std::process::id()));
        let write = |text: &str| std::fs::write(&path, text).expect("a file");
        write("10");
        let file = Arc::new(SecretFile::open("NUMBER_FILE", &path.display().to_string()).expect("a file"));
        let secret = Secret::of_file(&file);
        let number = |text: &str| text.parse::<u32>().map_err(|error| InvalidSettings(error.to_string()));
        let number = Reloaded::new(&secret, number).expect("a number");
        let length = Reloaded::new(&secret, |text| Ok(text.len())).expect("any text");
        let look = || {
            for source in [
                number.source.as_ref().map(|one| one.lock().map(|mut one| one.looked -= INTERVAL).is_ok()),
                length.source.as_ref().map(|one| one.lock().map(|mut one| one.looked -= INTERVAL).is_ok()),
            ] {
                assert_eq!(source, Some(true));
            }
            (*number.get(), *length.get())
        };
        write("200");
        assert_eq!((*number.get(), *length.get()), (10, 2), "it was looked at a moment ago");
        assert_eq!(look(), (200, 3));
        write("no number");
        assert_eq!(look(), (200, 3), "one of them cannot use it");
        write("3000");
        assert_eq!(look(), (3000, 4));
        let fixed = Reloaded::new(&"1".into(), |text| Ok(text.to_owned())).expect("any text");
        assert!(fixed.source.is_none() && *fixed.get() == "1");
        std::fs::remove_file(&path).expect("it is there");
    }
}
