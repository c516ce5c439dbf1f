//! Tests of queue settings: what admins save, what happens to a removed or renamed queue, and what open pages are told.

use bailout::{
    domain::{
        deadline::RequestedDeadlines,
        disposition::Disposition,
        event::TransferTarget,
        ids::QueueId,
        inbox::{Counts, FilterField, Frame, Inbox, Row, View},
        operator::Role,
        outcome::Resolution,
        queue::{QueueDefaults, QueueMembers, QueueRef, Urgency},
        refusal::Refusal,
        text::{Name, NoteText},
        time::Span,
    },
    server::{
        error::Error,
        site::settings::queues::view::PATH,
        store::{
            escalations, operators,
            queues::{self, QueueSettings},
        },
    },
};
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    queues::{list, of, refused, transfers},
    support::{
        TestServer,
        browser::{Browser, between, form, leads_to},
        server::{Agent, PASSWORD, id},
        sse,
    },
};

fn called(name: &str, queue: &QueueSettings) -> QueueSettings {
    let mut queue = queue.clone();
    queue.itself.name = Name::parse(name).expect("a name");
    queue
}

async fn removes(server: &TestServer, id: QueueId) -> Result<(), Error> {
    let mut tx = server.desk.store().begin_write().await?;
    queues::remove(&mut tx, server.workspace, id, server.now()).await?;
    Ok(tx.commit().await?)
}

async fn adds(server: &TestServer, name: &str) -> Result<QueueId, Error> {
    let name = Name::parse(name).expect("a name");
    let mut tx = server.desk.store().begin_write().await?;
    let id = queues::add(&mut tx, server.workspace, &name, server.now()).await?;
    tx.commit().await?;
    Ok(id)
}

/// Returns the queue in which an agent's escalation for this name lands, and the warnings to the agent.
async fn lands(bot: &Agent, name: &str) -> (String, String) {
    let it = bot.escalates(json!({"routing": of(name)})).await;
    let it = bot.get(&format!("/escalations/{it}")).await.ok(200);
    let warned: Vec<&str> =
        it["warnings"].as_array().expect("warnings").iter().filter_map(|it| it["detail"].as_str()).collect();
    (it["queue"].as_str().expect("a queue").to_owned(), warned.join(" "))
}

/// Returns the visible parts of a list, without the moment it was read.
fn seen(inbox: Inbox) -> (Vec<Row>, Counts, Vec<QueueId>) {
    (inbox.rows, inbox.counts, inbox.elsewhere)
}

async fn offered(server: &TestServer) -> Vec<String> {
    let targets = operators::targets(server.desk.store(), server.workspace, server.now()).await.expect("targets");
    targets.queues.into_iter().map(|it| it.name.to_string()).collect()
}

async fn choices(server: &TestServer) -> Vec<String> {
    let choices = server.desk.filter_choices(server.workspace).await.expect("choices");
    choices.of(FilterField::Queue).into_iter().map(|it| it.label).collect()
}

#[apply(on_both!)]
async fn settings_of_queues_are_kept_and_checked(server: TestServer) {
    let ada = server.person("Ada", Role::Operator).await;
    let billing = server.queue("billing", &[&ada], QueueDefaults::default()).await;
    let all = async || queues::settings(server.desk.store(), server.workspace).await.expect("settings");
    assert_eq!(all().await[0], billing);
    let default = all().await.pop().expect("the default queue");
    assert_eq!(default.itself.name.as_str(), "default");
    for (wrong, queue) in [("taken", called("default", &billing)), ("the default", called("main", &default))] {
        let refused = refused(server.settles(&queue).await);
        assert!(matches!(refused, Refusal::InvalidFields { .. }), "{wrong}: {refused:?}");
    }
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    let twice = queues::add(&mut tx, server.workspace, &billing.itself.name, server.now()).await;
    assert!(matches!(refused(twice), Refusal::InvalidFields { .. }));
    tx.rollback().await.expect("the end");
    server.settles(&called("refunds", &billing)).await.expect("another name");
    let names: Vec<String> = all().await.iter().map(|it| it.itself.name.to_string()).collect();
    assert_eq!(names, ["default", "refunds"]);
    let mut nowhere = billing;
    nowhere.itself.id = QueueId::new(uuid::Uuid::nil());
    assert_eq!(refused(server.settles(&nowhere).await), Refusal::NotFound);
}

#[apply(on_both!)]
async fn admins_keep_queues_on_a_plain_page(server: TestServer) {
    let ada = server.person("Ada", Role::Operator).await;
    server.person("Root", Role::Admin).await;
    let (root, hers) = (Browser::of("Root", &server.url).await, Browser::of("Ada", &server.url).await);
    let posts = async |path: &str, form: &str| {
        let answer = root.posts(path, form, "same-origin").await;
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    };
    let all = async || queues::settings(server.desk.store(), server.workspace).await.expect("settings");
    // Only admins may do this.
    assert_eq!(hers.gets(PATH).await.status(), 403);
    assert_eq!(hers.posts(PATH, "name=mine", "same-origin").await.status(), 403);
    assert_eq!(root.posts(PATH, "name=mine", "cross-site").await.status(), 403);
    assert_eq!(leads_to(&Browser::at(&server).gets(PATH).await), "/sign-in?back=/settings/queues");
    assert_eq!(all().await.len(), 1);

    assert_eq!(posts(PATH, "name=+%3Cb%3EBilling%3C%2Fb%3E+").await.0, 303);
    let page = root.gets(PATH).await.text().await.expect("a page");
    assert!(page.contains("&lt;b&gt;Billing&lt;/b&gt;") && !page.contains("<b>Billing"), "{page}");
    let (status, page) = posts(PATH, "name=default").await;
    assert!(status == 422 && page.contains("There is a queue of this name."), "{page}");
    let billing = all().await.into_iter().find(|it| it.itself.name.as_str() != "default").expect("a queue");
    let (at, member) = (format!("{PATH}/{}", billing.itself.id), ada.operator.who.id);
    let kept = async || all().await.into_iter().find(|it| it.itself.id == billing.itself.id).expect("the queue");

    // Invalid input comes back as it was typed.
    for wrong in ["soon", "90", "31 d", "0 s", "-5 s", "1.5 s"] {
        let fields = [("name", "Billing"), ("claim_within", wrong), ("expire_after", "1 d")];
        let (status, page) = posts(&at, &(form(&fields) + "&expiry_note=Come+again")).await;
        assert!(status == 422 && page.contains("Claim within is a time with its unit, as 90 s"), "{wrong}: {page}");
        let typed = [format!("value=\"{wrong}\""), "value=\"1 d\"".to_owned(), "Come again".to_owned()];
        assert!(typed.iter().all(|it| page.contains(it)), "{wrong}: {page}");
        assert_eq!(kept().await, billing, "and changes nothing");
    }
    let spans = "claim_within=90s&resolve_within=15+Min&expire_after=1+day";
    let form = format!("name=Billing&urgency=high&{spans}&expiry_note=Come%0D%0Aagain&member={member}");
    assert_eq!(posts(&at, &form).await.0, 303);
    let within = RequestedDeadlines {
        claim: Some(Span::seconds(90)),
        resolve: Some(Span::minutes(15)),
        expire: Some(Span::hours(24)),
    };
    let expiry_note = Some(NoteText::parse("Come\nagain").expect("a note"));
    let QueueSettings { itself, defaults, members } = kept().await;
    assert_eq!(itself.name.as_str(), "Billing");
    assert_eq!(defaults, QueueDefaults { urgency: Some(Urgency::High), within, expiry_note });
    assert_eq!(members, QueueMembers(vec![member]));
    let page = root.gets(PATH).await.text().await.expect("a page");
    assert!(page.contains(" checked") && page.contains(" selected"), "{page}");
    for shown in ["value=\"90 s\"", "value=\"15 min\"", "value=\"1 d\""] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    // With nothing filled in or ticked, the product's defaults apply and everybody serves the queue.
    assert_eq!(posts(&at, "name=Billing").await.0, 303);
    assert_eq!((kept().await.defaults, kept().await.members), (QueueDefaults::default(), QueueMembers::default()));
    for nowhere in ["nothing", "que_00000000000000000000000000"] {
        assert_eq!(posts(&format!("{PATH}/{nowhere}"), "name=Billing+2").await.0, 404, "{nowhere}");
    }
}

#[apply(on_both!)]
async fn what_is_open_in_a_queue_that_is_removed_stays_for_those_who_serve_it(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let defaults = QueueDefaults { urgency: Some(Urgency::High), ..QueueDefaults::default() };
    let billing = server.queue("billing", &[&ana], defaults).await;
    for person in [&ada, &ana] {
        person.is_seen().await;
    }
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(bot.escalates(json!({"routing": of("billing"), "ask": {"kind": "question"}})).await);
    }
    let [waits, held, ended] = &ids[..] else { panic!("three") };
    let fence = ana.claims(held).await.expect("a claim");
    ana.resolves(ended, None, Resolution::bare(Disposition::Declined)).await.expect("an answer");
    let all = async || {
        let mut all = vec![];
        for (who, view) in [&ada, &ana].into_iter().flat_map(|who| View::ALL.map(|view| (who, view))) {
            all.push(seen(list(who, view).await));
        }
        all
    };
    assert_eq!(lands(&bot, "billing").await, ("billing".to_owned(), String::new()), "the control");
    let (before, page) = (all().await, server.desk.epoch(server.workspace).await.expect("an epoch"));

    removes(&server, billing.itself.id).await.expect("the end of a queue");
    assert_eq!(all().await, before, "nobody sees less, or more, than before");
    let told = bot.get(&format!("/escalations/{waits}")).await.ok(200);
    assert_eq!((&told["queue"], &told["desk"]["operators_available"]), (&json!("billing"), &json!(1)));
    let told = bot.get(&format!("/escalations/{ended}")).await.ok(200);
    assert_eq!(told["queue"], "billing", "history keeps its name");
    // Its members work on, and released escalations wait there again. Operators who are not members still cannot
    // claim.
    let refusal = Refusal::NotAMember { queue: billing.itself.name.clone() };
    assert_eq!(refused(ada.claims(waits).await), refusal);
    ana.releases(held, fence).await.expect("a release");
    assert_eq!(list(&ana, View::Queue).await.counts.waiting, 3);
    assert_eq!(refused(ada.claims(held).await), refusal);
    ana.claims(held).await.expect("a claim");
    // The queue accepts no new escalations.
    let warning = "there is no such queue; the default queue was taken".to_owned();
    assert_eq!(lands(&bot, "billing").await, ("default".to_owned(), warning));
    let to = TransferTarget::Queue(billing.itself.clone());
    assert!(matches!(refused(transfers(&ana, held, to.clone()).await), Refusal::InvalidFields { .. }));
    assert_eq!(offered(&server).await, ["default"]);
    // Its escalations can still be filtered for.
    assert_eq!(choices(&server).await, ["billing (removed)", "default"]);
    // Open pages start over.
    assert_ne!(server.desk.epoch(server.workspace).await.expect("an epoch"), page);
    for again in [removes(&server, billing.itself.id).await, server.settles(&billing).await] {
        assert_eq!(refused(again), Refusal::NotFound, "it is there no more");
    }
    let default = queues::all(server.desk.store(), server.workspace).await.expect("queues").pop().expect("one");
    assert!(matches!(refused(removes(&server, default.id).await), Refusal::InvalidFields { .. }));
    assert_eq!(lands(&bot, "default").await, ("default".to_owned(), String::new()), "the default queue stays");
    let refunds = server.queue("refunds", &[], QueueDefaults::default()).await;
    let taken = refused(server.settles(&called("billing", &refunds)).await);
    assert!(matches!(taken, Refusal::InvalidFields { .. }), "its name is kept for it");

    // A queue that is added again has its old settings.
    assert_eq!(adds(&server, "billing").await.expect("a queue"), billing.itself.id);
    let all = queues::settings(server.desk.store(), server.workspace).await.expect("settings");
    assert_eq!(all[0], billing);
    assert_eq!(lands(&bot, "billing").await, ("billing".to_owned(), String::new()));
    transfers(&ana, held, to).await.expect("a transfer");
    assert_eq!(offered(&server).await, ["billing", "default", "refunds"]);
    assert_eq!(choices(&server).await, ["billing", "default", "refunds"]);
}

#[apply(on_both!)]
async fn what_is_opened_while_a_queue_comes_and_goes_is_never_lost(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await.itself.id;
    let come_and_go = async {
        for _ in 0..10 {
            removes(&server, billing).await.expect("the end of a queue");
            adds(&server, "billing").await.expect("its return");
        }
    };
    let opened = join_all((0..60).map(|_| bot.escalates(json!({"routing": of("billing")}))));
    let (opened, ()) = tokio::join!(opened, come_and_go);
    let mut in_billing = 0;
    for it in &opened {
        let queue = bot.get(&format!("/escalations/{it}")).await.ok(200)["queue"].clone();
        in_billing += i64::from(queue == "billing");
    }
    let (hers, theirs) = (list(&ada, View::Queue).await.counts, list(&ana, View::Queue).await.counts);
    assert_eq!((theirs.waiting, hers.waiting, hers.open), (60, 60 - in_billing, 60));
}

#[apply(on_both!)]
async fn a_queue_that_is_renamed_has_its_new_name_on_what_is_open(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await;
    let opened = async || bot.escalates(json!({"routing": of("billing"), "ask": {"kind": "question"}})).await;
    let (open, closed, moved) = (opened().await, opened().await, bot.escalates(json!({})).await);
    ana.resolves(&closed, None, Resolution::bare(Disposition::Declined)).await.expect("an answer");
    ada.claims(&moved).await.expect("a claim");
    let page = server.desk.epoch(server.workspace).await.expect("an epoch");
    let thread = async |it: &str| ana.desk.thread(server.workspace, id(it)).await.expect("a thread").expect("one");
    let before = thread(&moved).await;
    assert_eq!(thread(&open).await.escalation.queue.name.as_str(), "billing");

    let invoices = called("invoices", &billing);
    server.settles(&invoices).await.expect("another name");
    // The new name appears on pages, which start over, to agents in every answer, in a refusal, and in alerts.
    assert_eq!(thread(&open).await.escalation.queue, invoices.itself);
    assert_ne!(server.desk.epoch(server.workspace).await.expect("an epoch"), page);
    let name = async |it: &str| bot.get(&format!("/escalations/{it}")).await.ok(200)["queue"].clone();
    assert_eq!((name(&open).await, name(&closed).await), (json!("invoices"), json!("billing")), "what ended keeps it");
    let items = bot.get("/escalations?status=waiting").await.ok(200)["items"].clone();
    assert_eq!(items[0]["queue"], "invoices");
    let refusal = Refusal::NotAMember { queue: invoices.itself.name.clone() };
    assert_eq!(refused(ada.claims(&open).await), refusal);
    let called_for = escalations::claim_alert(server.desk.store(), server.workspace, id(&open), server.now()).await;
    assert_eq!(called_for.expect("an alert").expect("one").queue, invoices.itself);
    let fence = ana.claims(&open).await.expect("a claim");
    let events = bot.events_of(&open).await;
    assert_eq!((events.len(), &events[1]["data"]["escalation"]["queue"]), (2, &json!("invoices")));

    // A transfer requested under the old name uses the new one, so that a page that follows it matches a fresh
    // read.
    transfers(&ada, &moved, TransferTarget::Queue(billing.itself.clone())).await.expect("a transfer");
    server.person("Root", Role::Admin).await;
    let cursor = format!("/live?after={}.{}", server.desk.store().epoch(), before.seq);
    let stream = Browser::of("Root", &server.url).await.gets(&cursor).await;
    let fresh = thread(&moved).await;
    let mut followed = before;
    for heard in sse::read(stream, 2).await {
        followed.apply(&serde_json::from_str::<Frame>(&heard.data).expect("a frame"));
    }
    assert_eq!((followed.seq, &followed.escalation.queue), (fresh.seq, &invoices.itself));
    assert_eq!(followed, fresh);

    // Agents find it by both names until another queue takes the old one.
    let warning = "this queue is called invoices now".to_owned();
    assert_eq!(lands(&bot, "billing").await, ("invoices".to_owned(), warning.clone()));
    assert_eq!(lands(&bot, "invoices").await, ("invoices".to_owned(), String::new()));
    ana.resolves(&open, Some(fence), Resolution::bare(Disposition::Declined)).await.expect("an answer");
    let paid = called("paid", &invoices);
    server.settles(&paid).await.expect("a third name");
    assert_eq!(name(&open).await, "invoices", "as it was called when this ended");
    assert_eq!(lands(&bot, "invoices").await.0, "paid");
    assert_eq!(lands(&bot, "billing").await.0, "paid");
    let other = adds(&server, "billing").await.expect("another queue");
    assert_ne!(other, billing.itself.id);
    assert_eq!(lands(&bot, "billing").await, ("billing".to_owned(), String::new()));
    let refunds = server.queue("refunds", &[], QueueDefaults::default()).await;
    server.settles(&called("invoices", &refunds)).await.expect("a name that another had");
    assert_eq!(lands(&bot, "invoices").await, ("invoices".to_owned(), String::new()));
    let former = queues::former_names(server.desk.store(), server.workspace).await.expect("names");
    assert_eq!(former, [called("refunds", &refunds).itself]);
    // A queue is renamed back and forth, then removed: none of its names leads anywhere.
    for name in ["one", "two", "one", "two"] {
        server.settles(&called(name, &refunds)).await.expect("a name");
    }
    removes(&server, refunds.itself.id).await.expect("the end of a queue");
    for name in ["one", "two", "refunds", "invoices"] {
        assert_eq!(lands(&bot, name).await.0, "default", "{name}");
    }
    // A save without changes changes nothing.
    let page = server.desk.epoch(server.workspace).await.expect("an epoch");
    server.settles(&paid).await.expect("the same again");
    assert_eq!(server.desk.epoch(server.workspace).await.expect("an epoch"), page);
}

#[apply(on_both!)]
async fn admins_remove_queues_and_bring_them_back_on_their_page(server: TestServer) {
    server.person("Root", Role::Admin).await;
    let billing = server.queue("<billing>", &[], QueueDefaults::default()).await.itself;
    let root = Browser::of("Root", &server.url).await;
    let names = async || {
        let all = queues::all(server.desk.store(), server.workspace).await.expect("queues");
        all.into_iter().map(|it: QueueRef| it.name.to_string()).collect::<Vec<_>>()
    };
    let path = format!("{PATH}/{}/remove", billing.id);
    let page = root.sees(PATH, 200).await;
    assert!(page.contains(&path) && !page.contains("Removed queues"), "{page}");
    assert_eq!(page.matches("/remove\"").count(), 1, "the default queue stays");
    assert!(page.contains(&format!("href=\"/all?queue={}\"", billing.id)), "{page}");
    // The page asks for the password when it was last confirmed a while ago.
    server.pass(Span::minutes(16));
    let asked = root.sends(&path, &[("do", "remove")], 403).await;
    assert!(asked.contains("Confirm that it is you"), "{asked}");
    assert_eq!(names().await, ["<billing>", "default"], "it was done before it was confirmed");
    let done = root.posts(&path, &form(&[("do", "remove"), ("confirm_password", PASSWORD)]), "same-origin").await;
    assert_eq!((leads_to(&done), names().await), (PATH, vec!["default".to_owned()]));
    let page = root.sees(PATH, 200).await;
    let gone = between(&page, "Removed queues", "</section>");
    assert!(gone.contains("&lt;billing&gt;") && gone.contains("value=\"&lt;billing&gt;\""), "{gone}");
    root.sends(&path, &[("do", "remove")], 404).await;
    let page = root.sends(&format!("{PATH}/{}", billing.id), &[("name", "<billing>")], 404).await;
    assert!(page.contains("There is no such queue."), "{page}");
    let default = queues::all(server.desk.store(), server.workspace).await.expect("queues")[0].id;
    let page = root.sends(&format!("{PATH}/{default}/remove"), &[], 422).await;
    assert!(page.contains("The default queue stays"), "{page}");
    root.sends(PATH, &[("do", "add"), ("name", "<billing>")], 303).await;
    assert_eq!(names().await, ["<billing>", "default"]);
    // The page shows the former names.
    root.sends(&format!("{PATH}/{}", billing.id), &[("name", "invoices")], 303).await;
    let page = root.sees(PATH, 200).await;
    assert!(page.contains("Agents also find it as: &lt;billing&gt;"), "{page}");
}
