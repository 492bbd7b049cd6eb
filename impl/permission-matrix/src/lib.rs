//! The permission matrix: every kind of caller calls every operation of a document with every relation to its object, and names every other object that
//! a field can name. What each gets is computed from the document (`x-permission`), so nothing is expected by hand.
//!
//! A cell is one request and its response. A service tells with a [`Fixture`] how an object of each kind is made.

mod lists;
mod objects;
mod people;
pub mod plants;
mod rules;
mod sample;
mod table;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use people::Relations;
pub use sample::Request;

use people::{Caller, People};
use rules::{Expected, Role};
use sample::plain;
use table::{Operation, Table};
use testkit::{Answer, Client, Person, TestService};

/// Operations that are tried at a time, each by one role.
const CONCURRENCY: usize = 6;

/// How objects of a service's document are made.
pub trait Fixture: Send + Sync + 'static {
    /// Makes an object of a kind through the API, to which each has the relation that `people` say; returns its id. The client is a superuser's.
    fn make(
        &self,
        service: &TestService,
        administrator: &Client,
        kind: &str,
        people: &Relations,
    ) -> impl Future<Output = Value> + Send;

    /// Changes a request that was made from examples where these do not do: what has to be unique, or would take long. `number` is new each time.
    fn amend(&self, _operation: &str, _request: &mut Request, _number: usize) {}

    /// Brings an account into the state in which it can do the operation, where it may: `caller` has its token.
    fn arrange(
        &self,
        _operation: &str,
        _caller: &Client,
        _account: &Person,
        _request: &mut Request,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What did not agree with the document.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The id of the operation.
    pub operation: String,
    /// Who called it, with which relations.
    pub cell: String,
    /// Expected and actual response.
    pub difference: String,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of requests that were compared.
    pub cells: usize,
    /// Those that were wrong.
    pub faults: Vec<Fault>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// The operations with faults.
    pub fn operations(&self) -> BTreeSet<&str> {
        self.faults.iter().map(|fault| fault.operation.as_str()).collect()
    }

    /// Prints the size, and panics with what is wrong.
    ///
    /// # Panics
    /// When something is.
    pub fn expect_no_faults(&self, service: &str) {
        println!("permission matrix of {service}: {} cells in {:.1?}", self.cells, self.took);
        let lines: Vec<String> =
            self.faults.iter().map(|one| format!("{}, {}: {}", one.operation, one.cell, one.difference)).collect();
        assert!(lines.is_empty(), "{} of {} cells are wrong:\n{}", lines.len(), self.cells, lines.join("\n"));
    }
}

struct Matrix<F> {
    table: Table,
    service: TestService,
    fixture: F,
    people: People,
    administrator: Client,
    report: Mutex<Report>,
}

/// Tries every cell of a service. `document` has the table, which is usually the service's own document.
///
/// # Panics
/// When the document has no permissions, or an object cannot be made.
pub async fn run<F: Fixture>(service: TestService, document: Value, fixture: F, is_production: bool) -> Report {
    let started = Instant::now();
    let people = People::new(&service).await;
    let administrator = people.caller(&service, Role::Superuser).await;
    let administrator = people.enter(&service, &administrator).await;
    let table = Table::of(document, is_production);
    let matrix = Arc::new(Matrix { table, service, fixture, people, administrator, report: Mutex::default() });
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let mut tasks = JoinSet::new();
    for index in 0..matrix.table.operations.len() {
        for role in Role::ALL {
            let (matrix, permits) = (Arc::clone(&matrix), Arc::clone(&permits));
            tasks.spawn(async move {
                let _permit = permits.acquire().await;
                let operation = &matrix.table.operations[index];
                match &operation.permission.each {
                    Some(kind) => matrix.list(operation, kind, role).await,
                    None => matrix.operation(operation, role).await,
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        if let Err(panic) = done {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
    let mut report = matrix.report.lock().map(|mut report| std::mem::take(&mut *report)).expect("nobody panicked");
    report.took = started.elapsed();
    report.faults.sort_by(|one, other| (&one.operation, &one.cell).cmp(&(&other.operation, &other.cell)));
    report
}

impl<F: Fixture> Matrix<F> {
    /// Counts a cell, and what is wrong with it.
    fn note(&self, operation: &Operation, cell: String, difference: Option<String>) {
        self.report.lock().expect("nobody panicked").cells += 1;
        if let Some(difference) = difference {
            self.fault(operation, cell, difference);
        }
    }

    fn fault(&self, operation: &Operation, cell: String, difference: String) {
        let fault = Fault { operation: operation.id.clone(), cell, difference };
        self.report.lock().expect("nobody panicked").faults.push(fault);
    }

    fn compare(&self, operation: &Operation, cell: String, expected: &Expected, answer: &Answer) {
        let status = answer.status.as_u16();
        let agrees = match expected {
            Expected::Success => answer.status.is_success() || status == 304,
            Expected::Problem(wanted, code) => status == *wanted && answer.json["code"] == **code,
        };
        let difference = (!agrees).then(|| format!("expected {expected}, got {status} {}", answer.text));
        self.note(operation, cell, difference);
    }

    /// A valid request, but for the objects that it names.
    fn request(&self, operation: &Operation) -> Request {
        let mut request = Request::of(&self.table, operation);
        self.fixture.amend(&operation.id, &mut request, people::number());
        request
    }

    async fn caller(&self, role: Role) -> Caller {
        self.people.caller(&self.service, role).await
    }

    async fn enter(&self, caller: &Caller) -> Client {
        self.people.enter(&self.service, caller).await
    }

    /// Streams are not read to their end.
    async fn send(&self, client: &Client, operation: &Operation, request: &Request) -> Answer {
        let method = operation.method.parse().expect("a method");
        let request = request.complete(client.request(method, &request.target(&operation.path)));
        client.begin(request).await
    }

    /// An object as a superuser sees it; nothing where no operation reads it, or it does not exist.
    async fn state(&self, kind: &str, id: &Value) -> Option<Value> {
        let operation = self.table.reads(kind)?;
        let path = operation.path.replace(&format!("{{{kind}_id}}"), &plain(id));
        let answer = self.administrator.get(&path).await;
        answer.status.is_success().then_some(answer.json)
    }
}
