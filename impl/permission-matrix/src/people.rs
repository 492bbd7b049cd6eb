//! Who calls: an account for each role, and strangers who have what the caller does not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::PgConnection;
use tokio::sync::{Mutex, OnceCell};

use super::rules::Role;
use testkit::{Client, Person, TestService};

/// Numbers names, so that each is new.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A number that nobody had before, in this process.
pub(super) fn number() -> usize {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Who has which relation to an object that is made.
#[derive(Debug, Clone)]
pub struct Relations(BTreeMap<String, Person>);

impl Relations {
    pub(super) fn new(people: impl IntoIterator<Item = (String, Person)>) -> Self {
        Self(people.into_iter().collect())
    }

    /// The user who is to have this relation to the object.
    ///
    /// # Panics
    /// When the document defines no such relation for the kind.
    pub fn get(&self, relation: &str) -> &Person {
        self.0.get(relation).unwrap_or_else(|| panic!("x-relations has no {relation}"))
    }
}

/// Somebody who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) role: Role,
    /// The account; of anonymous callers as well, who do not use it.
    pub(super) person: Person,
}

/// Makes accounts, and changes them as only the owner of the database can.
pub(super) struct People {
    database: Mutex<PgConnection>,
    /// Somebody without any relation to a caller, and for how many objects.
    stranger: Mutex<Option<(Person, usize)>>,
    /// Of callers that are nobody.
    unrelated: OnceCell<Person>,
    /// The token of a deleted account, which was never used.
    deleted: OnceCell<String>,
}

/// A user may have some unpaid orders only.
const OBJECTS_OF_A_STRANGER: usize = 25;

impl People {
    pub(super) async fn new(service: &TestService) -> Self {
        let database = Mutex::new(service.database.connect().await);
        Self { database, stranger: Mutex::default(), unrelated: OnceCell::new(), deleted: OnceCell::new() }
    }

    /// An account, active until [`People::enter`]; a new one, if the role can have relations to objects.
    pub(super) async fn caller(&self, service: &TestService, role: Role) -> Caller {
        if !role.has_relations() {
            let person = self.unrelated.get_or_init(|| account(service)).await.clone();
            return Caller { role, person };
        }
        let mut person = account(service).await;
        if matches!(role, Role::Superuser | Role::ScopedProgram) {
            self.change(&person, "UPDATE users SET is_superuser = true WHERE id = $1").await;
            // With the scope.
            person.token = token(service, &person).await;
        }
        Caller { role, person }
    }

    /// An account that no caller has; a new one where the operation might change or delete it.
    pub(super) async fn stranger(&self, service: &TestService, is_new: bool) -> Person {
        if is_new {
            return account(service).await;
        }
        let mut known = self.stranger.lock().await;
        match &mut *known {
            Some((person, uses)) if *uses < OBJECTS_OF_A_STRANGER => {
                *uses += 1;
                person.clone()
            }
            _ => known.insert((account(service).await, 1)).0.clone(),
        }
    }

    /// Makes the caller what the role says; no relation can be made afterwards. Returns a client.
    pub(super) async fn enter(&self, service: &TestService, caller: &Caller) -> Client {
        let mut own = caller.person.token.clone();
        let change = match caller.role {
            Role::Anonymous => return service.nobody.clone(),
            Role::User | Role::Superuser => None,
            Role::Program | Role::ScopedProgram => {
                return service.nobody.with_token(api_token(service, &caller.person).await);
            }
            Role::LoggedOut => Some("UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1"),
            Role::Deactivated => Some("UPDATE users SET is_active = false WHERE id = $1"),
            Role::Deleted => {
                let deleted = self.deleted.get_or_init(async || {
                    let person = account(service).await;
                    self.change(&person, "DELETE FROM users WHERE id = $1").await;
                    person.token
                });
                return service.nobody.with_token(deleted.await.clone());
            }
        };
        if let Some(change) = change {
            // A token that was not used before: what is cached of others is evicted a moment after the change.
            own = token(service, &caller.person).await;
            self.change(&caller.person, change).await;
        }
        service.nobody.with_token(own)
    }

    async fn change(&self, person: &Person, sql: &'static str) {
        let done = sqlx::query(sql).bind(person.id).execute(&mut *self.database.lock().await).await;
        done.expect("the account can be changed");
    }
}

// Boxed: their layout is deeper than the compiler computes within others.
async fn account(service: &TestService) -> Person {
    Box::pin(service.account(&format!("person{}", number()))).await
}

async fn api_token(service: &TestService, person: &Person) -> String {
    Box::pin(service.api_token(person)).await
}

async fn token(service: &TestService, person: &Person) -> String {
    Box::pin(service.token(&person.email)).await
}
