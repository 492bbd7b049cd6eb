//! Handlers of the caller's passkeys, and of signing in with one.

use std::sync::Arc;

use contract::{Problem, StorageQuota};
use platform::audit::{Action, Entry};
use platform::identity::Principal;
use platform::second_factors::{self, Options, Registrant};
use platform::{Result, Transaction};
use serde_json::{Value, json};
use tasks_api::apis::passkeys::{
    BEGIN_PASSKEY_REGISTRATION, BeginPasskeyLoginResponse, BeginPasskeyRegistrationResponse, CREATE_PASSKEY,
    CreatePasskeyResponse, DeletePasskeyParams, DeletePasskeyResponse, ListPasskeysResponse, LoginWithPasskeyResponse,
    Passkeys,
};
use tasks_api::models::{
    Passkey, PasskeyCreate, PasskeyCreationOptions, PasskeyLogin, PasskeyRequestOptions, PasswordProof,
    PublicKeyCredential,
};

use crate::TasksService;

const QUOTA: &StorageQuota = CREATE_PASSKEY.quota("too_many_passkeys");

/// Fields of the response of an authenticator that are read.
const READ: [&str; 5] = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

impl Passkeys for TasksService {
    async fn list_passkeys(&self, caller: Principal) -> Result<ListPasskeysResponse> {
        let factors = self.access.accounts.second_factors();
        let passkeys = factors.passkeys(&self.database, caller.user_id()).await?;
        Ok(ListPasskeysResponse::Ok(passkeys.into_iter().map(shown).collect()))
    }

    async fn begin_passkey_registration(
        &self,
        caller: Principal,
        body: PasswordProof,
    ) -> Result<BeginPasskeyRegistrationResponse> {
        caller.must_have_logged_in()?;
        let accounts = &self.access.accounts;
        let guard = self.access.limiter.guard(&BEGIN_PASSKEY_REGISTRATION);
        accounts.prove(guard, &caller, body.current_password).await?;
        let user = accounts.current_user(&caller).await?;
        let user = Registrant { id: user.id, email: user.email, full_name: user.full_name };
        let options = accounts.second_factors().begin_registration(&self.database, &user).await?;
        let Options { challenge, others: additional_properties } = options;
        Ok(BeginPasskeyRegistrationResponse::Ok(PasskeyCreationOptions { challenge, additional_properties }))
    }

    async fn create_passkey(&self, caller: Principal, body: PasskeyCreate) -> Result<CreatePasskeyResponse> {
        caller.must_have_logged_in()?;
        let PasskeyCreate { name, credential } = body;
        let factors = Arc::clone(self.access.accounts.second_factors());
        let credential = read(credential);
        let new = factors.check_registration(&self.database, caller.user_id(), &credential).await?;
        let entry = Entry::by(Some(caller.user_id()), Action::PasskeyCreated);
        let store = move |mut tx: Transaction| async move {
            let passkey = factors.store_passkey(&mut tx, caller.user_id(), QUOTA, &name, &new).await?;
            let written = entry.on(passkey.id).write(&mut tx).await?;
            Ok((passkey, written))
        };
        let (passkey, written) = self.database.write(store).await?;
        written.tell();
        Ok(CreatePasskeyResponse::Created(shown(passkey)))
    }

    async fn delete_passkey(&self, caller: Principal, params: DeletePasskeyParams) -> Result<DeletePasskeyResponse> {
        caller.must_have_logged_in()?;
        let id = params.passkey_id;
        let factors = Arc::clone(self.access.accounts.second_factors());
        let entry = Entry::of(&caller, Action::PasskeyDeleted, id);
        let delete = move |mut tx: Transaction| async move {
            if !factors.delete_passkey(&mut tx, caller.user_id(), id).await? {
                return Err(Problem::not_found("passkey_not_found", "Passkey not found.").into());
            }
            entry.write(&mut tx).await
        };
        self.database.write(delete).await?.tell();
        Ok(DeletePasskeyResponse::NoContent)
    }

    async fn begin_passkey_login(&self) -> Result<BeginPasskeyLoginResponse> {
        let options = self.access.accounts.second_factors().begin_passkey_login(&self.database).await?;
        let Options { challenge, others: additional_properties } = options;
        Ok(BeginPasskeyLoginResponse::Ok(PasskeyRequestOptions { challenge, additional_properties }))
    }

    async fn login_with_passkey(&self, body: PasskeyLogin) -> Result<LoginWithPasskeyResponse> {
        let credential = read(body.credential);
        Ok(LoginWithPasskeyResponse::Ok(self.access.accounts.login_with_passkey(&credential).await?.into()))
    }
}

/// What is read of a credential. No extensions were asked for, so nothing is expected of them; and a transport may have any name.
fn read(credential: PublicKeyCredential) -> Value {
    let PublicKeyCredential { id, mut response, .. } = credential;
    response.retain(|name, _| READ.contains(&&**name));
    json!({"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {}})
}

fn shown(passkey: second_factors::Passkey) -> Passkey {
    let second_factors::Passkey { id, name, created_at, used_at } = passkey;
    Passkey { id, name, created_at, used_at }
}
