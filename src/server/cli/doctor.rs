//! `bailout doctor`: checks a server and its surroundings by the server's own settings, and says what to mend. No data is
//! changed. While it tries a stream, the agent of the key counts as listening. It posts an alert only if the user asks for that.

use std::{fmt, net::IpAddr, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{
        Request, StatusCode, Uri,
        header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
    },
};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::health::loopback;
use crate::{
    domain::time::Span,
    server::{
        clock::Clock,
        config::{DoctorSettings, Origin, Settings},
        https::{self, HttpsClient},
        keys::ApiKey,
        ops::free_space::FreeSpace,
        store::examination::{self, Examination},
    },
};

/// The timeout of each check but that of streams.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the first event of a stream may take. The server sends one every 15 seconds at least.
const STREAMS_WITHIN: Duration = Duration::from_secs(20);
/// The most bytes of an answer that is read.
const LARGEST_ANSWER: usize = 64 * 1024;
/// A larger difference between two clocks is reported.
const CLOCKS_DIFFER_BY: Span = Span::seconds(2);

/// The result of a check, with a sentence.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Good(String),
    Skipped(String),
    Bad(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(said) => write!(f, "ok        {said}"),
            Self::Skipped(said) => write!(f, "skipped   {said}"),
            Self::Bad(said) => write!(f, "PROBLEM   {said}"),
        }
    }
}

/// A check that fails returns its problem.
type Checked = Result<Finding, String>;

/// Runs every check and prints the findings. Returns whether there is no problem.
pub async fn examine(settings: &Settings, doctor: &DoctorSettings) -> bool {
    let client = match https::client() {
        Ok(client) => Visitor { client, settings },
        Err(error) => {
            println!("{}", Finding::Bad(format!("cannot make a client: {error}")));
            return false;
        }
    };
    let mut is_sound = true;
    let mut report = |name: &str, found: Checked| {
        let found = found.unwrap_or_else(Finding::Bad);
        is_sound &= !matches!(found, Finding::Bad(_));
        println!("{name:<16}{found}");
    };
    let url = settings.database_url.as_str();
    report("database", within(database(url)).await);
    report("disk", disk(settings));
    report("clock", within(clock(url)).await);
    report("server", within(client.server()).await);
    let seen = client.through_public_address().await;
    let public = client.public_address(seen.as_ref());
    // The key is shown to nobody but Bailout.
    let is_ours = public.is_ok();
    report("public address", public);
    report("proxy headers", client.proxy_headers(seen));
    report("streams", client.streams(doctor.key.as_ref().filter(|_| is_ours)).await);
    report("alerts", within(client.alerts(doctor.send_alert)).await);
    is_sound
}

/// Ends a check in time.
async fn within(check: impl Future<Output = Checked>) -> Checked {
    timeout(PATIENCE, check).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> String {
    format!("there was no answer within {} s", PATIENCE.as_secs())
}

async fn database(url: &str) -> Checked {
    let said = match examination::of(url).await? {
        Examination::NotThere(file) => {
            let file = file.display();
            return Ok(Finding::Skipped(format!("{file} is not there yet; the first start of the server makes it")));
        }
        Examination::Sound(said) => said,
    };
    Ok(Finding::Good(said))
}

fn disk(settings: &Settings) -> Checked {
    let Some(folder) = examination::folder(settings.database_url.as_str())? else {
        return Ok(Finding::Skipped("PostgreSQL looks after its own disk".to_owned()));
    };
    let space = FreeSpace::default();
    space.read(&folder).map_err(|error| format!("{} cannot be looked at: {error}", folder.display()))?;
    match space.warning(settings.limits.reserve()) {
        Some(warning) => Err(warning),
        None => Ok(Finding::Good(format!("there is room in {}", folder.display()))),
    }
}

/// Compares this machine's clock with the database's.
async fn clock(url: &str) -> Checked {
    let Some(theirs) = examination::clock(url).await? else {
        return Ok(Finding::Skipped("SQLite has no clock of its own to compare with".to_owned()));
    };
    let apart = Clock::system().now() - theirs;
    if apart.0.abs() > CLOCKS_DIFFER_BY.0 {
        let seconds = apart.0 / 1_000;
        return Err(format!("it is {seconds} s from the database's. Let both machines set their clocks by NTP"));
    }
    Ok(Finding::Good("it agrees with the database's".to_owned()))
}

/// The requests of the checks.
struct Visitor<'a> {
    client: HttpsClient,
    settings: &'a Settings,
}

impl Visitor<'_> {
    async fn get(&self, address: &str) -> Result<(StatusCode, Value), String> {
        let uri = address.parse().map_err(|_| format!("{address} is no address"))?;
        let asked = timeout(PATIENCE, self.client.get(uri)).await;
        let answer = asked.map_err(|_| format!("{address} does not answer"))?;
        let answer = answer.map_err(|error| format!("{address} cannot be reached: {}", cause(&error)))?;
        let status = answer.status();
        let bytes = timeout(PATIENCE, to_bytes(Body::new(answer.into_body()), LARGEST_ANSWER)).await;
        let bytes =
            bytes.map_err(|_| format!("{address} does not end its answer"))?.map_err(|error| error.to_string())?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// Asks the server at its own address whether it is ready.
    async fn server(&self) -> Checked {
        let at = format!("http://{}", loopback(self.settings.addr));
        let (status, body) = self.get(&format!("{at}/readyz")).await.map_err(|why| format!("{why}. Start it"))?;
        match body["status"].as_str() {
            Some("ready") if status.is_success() => {
                let failed = body["failed_deadlines"].as_u64().unwrap_or_default();
                if failed > 0 {
                    return Err(format!("it is ready, but cannot process {failed} deadlines; its log names them"));
                }
                Ok(Finding::Good(format!("{at} is ready")))
            }
            Some(why) => Err(format!("{at} is not ready: {why}. Its log says more")),
            None => Err(format!("{at} answers {}, but not as Bailout does", status.as_u16())),
        }
    }

    /// Asks the same server through the address that people open, if one is set.
    async fn through_public_address(&self) -> Option<Result<(StatusCode, Value), String>> {
        let public = self.settings.public_url.as_ref()?;
        let asked = timeout(PATIENCE, self.get(&format!("{}/readyz", public.as_str()))).await;
        Some(asked.unwrap_or_else(|_| Err(late())))
    }

    /// Looks at the answer that came through the address that people open.
    fn public_address(&self, answer: Option<&Result<(StatusCode, Value), String>>) -> Checked {
        let (Some(public), Some(answer)) = (&self.settings.public_url, answer) else {
            return Ok(Finding::Skipped(
                "BAILOUT_PUBLIC_URL is not set; the console answers on this machine only".to_owned(),
            ));
        };
        let (status, body) = answer.as_ref().map_err(String::clone)?;
        if body["status"].as_str().is_none() || body["client"].as_str().is_none() {
            let said = format!("{} answers {}, but not as Bailout does", public.as_str(), status.as_u16());
            return Err(said + ". Let the proxy pass every path to the server");
        }
        if !public.is_https() && !is_here(public) {
            return Err(format!(
                "{} has no TLS, so passwords and keys cross the network in the clear",
                public.as_str()
            ));
        }
        Ok(Finding::Good(format!("{} leads to Bailout", public.as_str())))
    }

    /// Looks at the address that the server takes this program for, in the same answer.
    fn proxy_headers(&self, answer: Option<Result<(StatusCode, Value), String>>) -> Checked {
        let (Some(public), Some(answer)) = (&self.settings.public_url, answer) else {
            return Ok(Finding::Skipped("without BAILOUT_PUBLIC_URL there is no proxy to look at".to_owned()));
        };
        let (_, body) = answer?;
        let seen = body["client"].as_str().ok_or("the server does not say which client it sees")?;
        let seen: IpAddr = seen.parse().map_err(|_| format!("the server sees the client {seen}"))?;
        let proxies = &self.settings.trusted_proxies;
        if public.is_https() && proxies.is_empty() {
            return Err(format!(
                "the server trusts no proxy, and takes all clients for one, at {seen}, which share a limit for sign-ins. \
                 Let the proxy send X-Forwarded-For, and set BAILOUT_TRUSTED_PROXIES to its address"
            ));
        }
        if proxies.include(seen) {
            return Ok(Finding::Skipped(format!(
                "seen from here the client is {seen}, the proxy itself; try from elsewhere"
            )));
        }
        Ok(Finding::Good(format!("the server sees this machine as {seen}")))
    }

    /// Waits for the first event of a stream through the address that people open.
    async fn streams(&self, key: Option<&ApiKey>) -> Checked {
        let Some(key) = key else {
            return Ok(Finding::Skipped(
                "set BAILOUT_KEY, best to the key of a test agent, and mend the public address, to try one".to_owned(),
            ));
        };
        let at = match &self.settings.public_url {
            Some(public) => public.as_str().to_owned(),
            None => format!("http://{}", loopback(self.settings.addr)),
        };
        let request = Request::get(format!("{at}/api/v1/events"))
            .header(AUTHORIZATION, format!("Bearer {}", key.reveal()))
            .header(ACCEPT, "text/event-stream")
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let began = Instant::now();
        let first = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| format!("{at} cannot be reached: {}", cause(&error)))?;
            if !answer.status().is_success() {
                return Err(format!("{at} answers {} to the key", answer.status().as_u16()));
            }
            let first = Body::new(answer.into_body()).into_data_stream().next().await;
            first.ok_or("the stream ended at once")?.map_err(|error| format!("the stream broke: {error}"))
        };
        match timeout(STREAMS_WITHIN, first).await {
            Ok(Ok(_)) => Ok(Finding::Good(format!("an event came after {} ms", began.elapsed().as_millis()))),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!(
                "no event came through {at} within {} s. Let the proxy pass answers on without buffering them",
                STREAMS_WITHIN.as_secs()
            )),
        }
    }

    /// Posts a line to the receiver of alerts, if the user asks for that.
    async fn alerts(&self, send: bool) -> Checked {
        let Some(url) = &self.settings.alert_url else {
            return Ok(Finding::Skipped(
                "BAILOUT_ALERT_URL is not set; nobody outside the console is called".to_owned(),
            ));
        };
        if !send {
            return Ok(Finding::Skipped("--send-alert posts a line to BAILOUT_ALERT_URL".to_owned()));
        }
        let body = json!({"text": "This is a trial by bailout doctor. Nobody waits."}).to_string();
        let request = Request::post(url.uri()).header(CONTENT_TYPE, "application/json").body(Body::from(body));
        let request = request.map_err(|_| "the request could not be made".to_owned())?;
        // The error must not repeat the address, which is a secret.
        let sent = timeout(PATIENCE, self.client.request(request))
            .await
            .map_err(|_| "the receiver does not answer".to_owned())?;
        let status = sent.map_err(|error| format!("the receiver cannot be reached: {}", cause(&error)))?.status();
        match status.is_success() {
            true => Ok(Finding::Good(format!("the receiver answered {}", status.as_u16()))),
            false => Err(format!("the receiver answered {}. Look at BAILOUT_ALERT_URL", status.as_u16())),
        }
    }
}

/// Returns whether an address leads to this machine itself.
fn is_here(public: &Origin) -> bool {
    let uri: Option<Uri> = public.as_str().parse().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned)).is_some_and(|host| {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    })
}

/// Returns the innermost cause of an error, which says more than the outer ones.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
