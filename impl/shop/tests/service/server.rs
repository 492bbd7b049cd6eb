//! A process of the shop, behind everything that surrounds it in production.

use std::sync::Arc;

use platform::http::{Description, Readiness};
use platform::identity::Accounts;
use platform::settings::AuthSettings;
use platform::{Database, Limiter};
use shop::ShopService;
use shop::pipeline::{Pipeline, ShopSettings};
use testkit::{Client, TestDatabase, TestRedis, TestServer};
use tokio_util::sync::CancellationToken;

/// A process of the shop, as it were. Nobody publishes or works in it unless told to.
pub struct Server {
    served: TestServer,
    pub pipeline: Pipeline,
    pub of_shop: Pipeline,
    live: CancellationToken,
}

impl Server {
    pub fn client(&self) -> Client {
        self.served.client()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.live.cancel();
    }
}

/// One more process of the shop on the same database.
pub fn serve(database: &TestDatabase, redis: Option<&TestRedis>) -> Server {
    let settings = database.settings_of("shop");
    let auth: AuthSettings = testkit::settings(&testkit::CHEAP);
    let db = Database::new(&settings, "shop").expect("the URL is one");
    let accounts = Accounts::start(db.clone(), &settings, &auth, "shop").expect("the settings are good");
    let cache = redis.map(TestRedis::cache);
    let needs = Readiness { database: Some(db.clone()), cache: cache.clone(), ..Readiness::default() };
    let description = Description { service: "shop".into(), version: "test".into(), document: shop::DOCUMENT };
    let own = testkit::settings::<ShopSettings>(&[]);
    let of_shop = Pipeline::new(db.clone(), cache.clone(), &own);
    // What a worker does is done as one: another process with a role of its own.
    let worker = Database::new(&database.settings_of("worker"), "worker").expect("the URL is one");
    let pipeline = Pipeline::new(worker, cache, &own);
    let live = CancellationToken::new();
    tokio::spawn({
        let (pipeline, end) = (of_shop.clone(), live.clone());
        async move { pipeline.watch(end).await }
    });
    let service = ShopService::new(db, accounts, Limiter::off(), of_shop.clone());
    Server {
        served: TestServer::start(description, shop::router(Arc::new(service)), needs, &[]),
        pipeline,
        of_shop,
        live,
    }
}
