//! Machines and settings: doctor, ports, certificates, connection strings, theme.

use leptos::prelude::*;
use serde_json::Value;

use super::{
    copy::CopyButton,
    read::{Asked, part, text},
};
use crate::{
    app::{App, Theme},
    format::TimeForm,
    parts::{Field, Loading, Tree, TroubleBox},
    state::list_of,
    words as w,
};

/// How a device's SDK takes a connection string.
pub(crate) fn snippet(sdk: &str, string: &str) -> String {
    match sdk {
        "Python" => {
            format!("client = IoTHubDeviceClient.create_from_connection_string(\"{string}\")")
        }
        "Node" => format!("const client = Client.fromConnectionString(\"{string}\", Mqtt);"),
        ".NET" => format!(
            "var client = DeviceClient.CreateFromConnectionString(\"{string}\", TransportType.Mqtt);"
        ),
        "C" => format!(
            "IoTHubDeviceClient_LL_CreateFromConnectionString(\"{string}\", MQTT_Protocol);"
        ),
        _ => string.to_owned(),
    }
}

/// The SDKs that have a button.
const SDKS: [&str; 5] = ["text", "Python", "Node", ".NET", "C"];

/// The view.
#[component]
pub(crate) fn Machines() -> impl IntoView {
    let app = expect_context::<App>();
    let asked = Asked::new(app, "/bench/machines", 0);
    let list = move |names: &'static [&'static str]| {
        move || list_of(&part(&asked.value().unwrap_or_default(), names))
    };
    let doctor = list(&["doctor"]);
    let ports = list(&["ports"]);
    let strings = list(&["connection_strings", "connectionStrings"]);
    let state = asked.state();
    view! {
        <div class="head">
            <h1>{w::MACHINES}</h1>
            <button on:click=move |_| asked.again()>{w::CHECK_AGAIN}</button>
        </div>
        <div class="scroll machines">
            <Settings />
            {move || match state.get() {
                None => view! { <Loading what=w::CONNECTING /> }.into_any(),
                Some(Some(trouble)) => view! { <TroubleBox trouble again=move |()| asked.again() /> }.into_any(),
                Some(None) => view! {
                    <section class="card" data-test="doctor">
                        <h2>{w::DOCTOR}</h2>
                        <table class="plain">
                            <tbody>
                                {doctor().into_iter().map(|check| {
                                    let ok = check.get("ok").and_then(Value::as_bool).unwrap_or(false);
                                    view! {
                                        <tr>
                                            <td style:width="24px"><span class=if ok { "dot ok" } else { "dot warn" }></span></td>
                                            <td>{text(&check, &["what", "name"])}</td>
                                            <td class="mono dim">{text(&check, &["detail"])}</td>
                                            <td>{if ok { String::new() } else { text(&check, &["hint"]) }}</td>
                                        </tr>
                                    }
                                }).collect_view()}
                            </tbody>
                        </table>
                    </section>
                    <section class="card" data-test="ports">
                        <h2>{w::PORTS}</h2>
                        <table class="plain">
                            <tbody>
                                {ports().into_iter().map(|port| view! {
                                    <tr><td>{text(&port, &["what", "name", "for"])}</td><td class="mono">{text(&port, &["address", "port"])}</td><td class="dim">{text(&port, &["detail", "state"])}</td></tr>
                                }).collect_view()}
                            </tbody>
                        </table>
                    </section>
                    <section class="card wide" data-test="strings">
                        <h2>{w::CONNECTION_STRINGS}</h2>
                        <p class="hint">{w::CONNECTION_STRINGS_HOW}</p>
                        <table class="plain">
                            <tbody>
                                {strings().into_iter().take(200).map(|entry| {
                                    let string = text(&entry, &["text", "value"]);
                                    let buttons = SDKS.map(|sdk| view! { <CopyButton text=snippet(sdk, &string) label=sdk /> });
                                    view! {
                                        <tr>
                                            <td class="mono">{text(&entry, &["device", "id"])}</td>
                                            <td><div class="row">{buttons}</div></td>
                                        </tr>
                                    }
                                }).collect_view()}
                            </tbody>
                        </table>
                    </section>
                    <section class="card wide stack" data-test="certificates">
                        <h2>{w::CERTIFICATES}</h2>
                        {
                            let certificates = part(&asked.value().unwrap_or_default(), &["certificates", "certificate"]);
                            let authority = text(&certificates, &["authority"]);
                            let trust = text(&certificates, &["trust"]);
                            if authority.is_empty() && trust.is_empty() {
                                view! { <Tree value=certificates /> }.into_any()
                            } else {
                                view! {
                                    <p class="row wrap">
                                        <span class="dim">{w::AUTHORITY}</span>
                                        <span class="mono">{authority.clone()}</span>
                                        <CopyButton text=authority label=w::COPY />
                                    </p>
                                    <details>
                                        <summary>{w::TRUST_HOW}</summary>
                                        <pre class="trust">{trust}</pre>
                                    </details>
                                }
                                .into_any()
                            }
                        }
                        {
                            let folder = text(&asked.value().unwrap_or_default(), &["data", "data_folder", "dataFolder"]);
                            (!folder.is_empty()).then(|| view! { <p class="row"><span class="dim">{w::DATA_FOLDER}</span><span class="mono">{folder}</span></p> })
                        }
                    </section>
                }.into_any(),
            }}
        </div>
    }
}

/// Theme and form of times.
#[component]
fn Settings() -> impl IntoView {
    let app = expect_context::<App>();
    let theme = move |event| app.theme.set(Theme::of(&event_target_value(&event)));
    let times = move |event| {
        app.times.set(match event_target_value(&event).as_str() {
            "wall" => TimeForm::Wall,
            "relative" => TimeForm::Relative,
            _ => TimeForm::Virtual,
        });
    };
    let themed = move |name: Theme| move || app.theme.get() == name;
    let timed = move |form: TimeForm| move || app.times.get() == form;
    view! {
        <section class="card wide row" data-test="settings">
            <h2 style:margin="0 12px 0 0">{w::SETTINGS}</h2>
            <Field label=w::THEME_NAME>
                <select data-test="theme-select" on:change=theme>
                    <option value="system" selected=themed(Theme::System)>{w::THEME_SYSTEM}</option>
                    <option value="light" selected=themed(Theme::Light)>{w::THEME_LIGHT}</option>
                    <option value="dark" selected=themed(Theme::Dark)>{w::THEME_DARK}</option>
                </select>
            </Field>
            <Field label=w::TIMES_NAME>
                <select on:change=times>
                    <option value="virtual" selected=timed(TimeForm::Virtual)>{w::TIMES_VIRTUAL}</option>
                    <option value="wall" selected=timed(TimeForm::Wall)>{w::TIMES_WALL}</option>
                    <option value="relative" selected=timed(TimeForm::Relative)>{w::TIMES_RELATIVE}</option>
                </select>
            </Field>
            <label class="row" title=w::NOTIFY_HOW>
                <input
                    type="checkbox"
                    data-test="notify"
                    prop:checked=crate::notify::wanted()
                    on:change=move |event| crate::notify::want(event_target_checked(&event))
                />
                {w::NOTIFY}
            </label>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sdk_gets_the_string() {
        for sdk in SDKS {
            assert!(snippet(sdk, "HostName=x").contains("HostName=x"), "{sdk}");
        }
        assert_eq!(snippet("text", "HostName=x"), "HostName=x");
    }
}
