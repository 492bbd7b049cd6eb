//! Somebody who signed up, and has things.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use testkit::scale::size;

/// Things of the stranger's that operations are about: the short run makes them again after each operation that ends what they need.
fn tasks() -> usize {
    size(100, 300)
}

/// A client with connections of its own. To read the certificates of this machine would take longer than the requests.
pub fn client() -> Client {
    Client::builder().tls_certs_only([]).timeout(Duration::from_secs(20)).build().expect("a client")
}

/// Signs up and logs in; the token.
pub async fn sign_up(http: &Client, tasks: &str, name: &str) -> String {
    let email = format!("{name}@example.com");
    let account = json!({"email": email, "password": "correct horse battery"});
    let made = http.post(format!("{tasks}/api/v1/auth/signup")).json(&account).send().await.expect("an answer");
    assert!(made.status().is_success(), "{}", made.text().await.unwrap_or_default());
    let token: Value = log_in(http, tasks, name).send().await.expect("an answer").json().await.expect("JSON");
    token["access_token"].as_str().expect("a token").to_owned()
}

/// A login of somebody who signed up.
pub fn log_in(http: &Client, tasks: &str, name: &str) -> reqwest::RequestBuilder {
    let body = format!("username={name}@example.com&password=correct+horse+battery");
    let login = http.post(format!("{tasks}/api/v1/auth/login/access-token"));
    login.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// Somebody who means no good, with things of his own that are as large as they may be.
pub struct Stranger {
    pub token: String,
    /// Ids by the names of parameters.
    pub known: HashMap<String, i64>,
}

impl Stranger {
    pub async fn new(http: &Client, urls: &[String], n: usize, product: i64) -> Self {
        let token = sign_up(http, &urls[0], &format!("stranger-{n}")).await;
        let post = async |url: String, body: Value| -> Value {
            let answer = http.post(url).bearer_auth(&token).json(&body).send().await.expect("an answer");
            answer.json::<Value>().await.unwrap_or_default()["id"].clone()
        };
        let project = post(format!("{}/api/v1/projects", urls[0]), json!({"title": "The stranger's"})).await;
        let text = format!("abc aab {}", "a".repeat(9_000));
        let mut task = Value::Null;
        for n in 0..tasks() {
            let body = json!({"title": format!("Task {n}"), "description": text, "project_id": project});
            task = post(format!("{}/api/v1/tasks", urls[0]), body).await;
        }
        let order = json!({"items": [{"product_id": product, "quantity": 1}]});
        let order = post(format!("{}/api/v2/orders", urls[1]), order).await;
        let me = http.get(format!("{}/api/v1/users/me", urls[0])).bearer_auth(&token).send().await.expect("an answer");
        let me = me.json::<Value>().await.expect("JSON")["id"].clone();
        let all = [
            ("project_id", project),
            ("task_id", task),
            ("assignee_id", me.clone()),
            ("user_id", me),
            ("order_id", order),
            ("product_id", json!(product)),
        ];
        let known = all.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id.as_i64()?))).collect();
        Self { token, known }
    }

    /// Whether he is still there, and his things.
    pub async fn is_whole(&self, http: &Client, urls: &[String]) -> bool {
        let (project, task) = (self.known["project_id"], self.known["task_id"]);
        let paths = ["users/me".to_owned(), format!("projects/{project}"), format!("tasks/{task}")];
        for path in paths {
            let request = http.get(format!("{}/api/v1/{path}", urls[0])).bearer_auth(&self.token);
            let status = request.send().await.expect("an answer").status();
            // A budget that is used up is none of his losses.
            if !status.is_success() && status != 429 {
                return false;
            }
        }
        true
    }
}
