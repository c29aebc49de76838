//! Publishes an event, or verifies a delivery, with the svix SDK; see ../../../smoke.py.

use http::{HeaderMap, HeaderName};
use serde_json::{json, Value};
use svix::api::{Svix, SvixOptions};
use svix::models::MessageIn;
use svix::webhooks::Webhook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task: Value = serde_json::from_reader(std::io::stdin())?;
    if std::env::args().nth(1).as_deref() == Some("publish") {
        print!("{}", publish(&task).await?);
        return Ok(());
    }
    let mut headers = HeaderMap::new();
    for (name, value) in task["headers"].as_object().unwrap() {
        headers.insert(HeaderName::try_from(name)?, text(value).try_into()?);
    }
    Webhook::new(&text(&task["secret"]))?.verify(text(&task["body"]).as_bytes(), &headers)?;
    print!("verified");
    Ok(())
}

async fn publish(task: &Value) -> Result<String, svix::error::Error> {
    let options = SvixOptions { server_url: Some(text(&task["url"])), ..Default::default() };
    let svix = Svix::new(text(&task["token"]), Some(options));
    let message = MessageIn::new("invoice.paid".to_owned(), json!({"amount": "1.10"}));
    Ok(svix.message().create(text(&task["app"]), message, None).await?.id)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
