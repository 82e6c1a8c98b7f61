//! Microsoft accounts of private people.

use easyauth::provider::MicrosoftAccount;

use super::*;

fn story(change: impl FnOnce(MicrosoftAccount) -> MicrosoftAccount) -> Story {
    Story::at("microsoftaccount", "", |provider| {
        change(MicrosoftAccount::new(CLIENT_ID, CLIENT_SECRET).issuer(&provider.issuer))
    })
}

#[tokio::test]
async fn the_authorization_request_has_todays_scopes() {
    let scopes = ["wl.basic", "wl.emails", "wl.offline_access"];
    let mut story = story(|provider| provider.scopes(scopes));
    let login = "/.auth/login/microsoftaccount?display=popup&prompt=login";

    assert_eq!(
        authorization_query(&mut story, login).await,
        "response_type=code\
         &redirect_uri=https://app.example/.auth/login/microsoftaccount/callback&client_id=web\
         &scope=openid profile email offline_access&prompt=login\
         &code_challenge=…&code_challenge_method=S256&nonce=…&state=…"
    );
}

#[tokio::test]
async fn a_user_signs_in_with_the_claims_and_headers_of_the_original() {
    let mut story = story(|provider| provider);
    story.provider.state_claims(include_str!("../data/aad/id-token-v2.json"));
    let userinfo: Value =
        serde_json::from_str(include_str!("../data/microsoft_account/userinfo.json")).unwrap();
    for (member, value) in userinfo.as_object().unwrap() {
        story.provider.set(Userinfo, member, value.clone());
    }
    story.provider.set(Userinfo, "sub", "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ");

    story.sign_in("abe").await;

    let answer = story.browser.fetch("/").await;
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["microsoftaccount"]);
    assert_eq!(answer.seen("x-ms-client-principal-id"), ["66f33332eca7ea81"]);
    assert_eq!(answer.seen("x-ms-client-principal-name"), ["Abe Lincoln"]);
    assert_eq!(
        claims(&mut story).await,
        [
            format!("{IDENTITY}/nameidentifier=66f33332eca7ea81"),
            "name=Abe Lincoln".to_owned(),
            format!("{IDENTITY}/givenname=Mikah"),
            format!("{IDENTITY}/surname= Ollenburg"),
            "urn:microsoftaccount:locale=en-NZ".to_owned(),
            "urn:microsoftaccount:id=66f33332eca7ea81".to_owned(),
            "urn:microsoftaccount:name=Abe Lincoln".to_owned(),
            format!("{IDENTITY}/emailaddress=mikoll@contoso.com"),
        ]
    );
    let headers = [
        "x-ms-token-microsoftaccount-access-token",
        "x-ms-token-microsoftaccount-authentication-token",
        "x-ms-token-microsoftaccount-expires-on",
        "x-ms-token-microsoftaccount-refresh-token",
    ];
    assert_eq!(token_headers(&mut story).await, headers);
    let me = story.browser.fetch("/.auth/me").await.json();
    assert_eq!(me[0]["user_id"], "Abe Lincoln");
    assert!(me[0]["authentication_token"].as_str().unwrap().starts_with("eyJ"));
    assert_refreshes(&mut story).await;
    assert_eq!(token_headers(&mut story).await, headers);
    assert_signs_out(&mut story).await;
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_and_the_answer_says_so() {
    let mut story = story(|provider| provider);
    story.provider.remove(Token, "refresh_token");
    story.sign_in("alice").await;

    assert_asks_for(&mut story, "offline_access").await;
}

#[tokio::test]
async fn an_application_signs_in_with_a_token_of_microsofts() {
    assert_signs_in_by_token(&mut story(|provider| provider)).await;
}
