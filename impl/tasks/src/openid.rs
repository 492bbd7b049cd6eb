//! Handlers of sign-in by OpenID Connect providers.

use contract::{Problem, StorageQuota};
use platform::Result;
use platform::identity::Principal;
use platform::openid::{Authorization, Callback, LinkedIdentity};
use tasks_api::apis::openid::{
    BeginOpenidAuthorizationParams, BeginOpenidAuthorizationResponse, LINK_OPENID_IDENTITY, LOG_IN_WITH_OPENID,
    LinkOpenidIdentityParams, LinkOpenidIdentityResponse, ListOpenidIdentitiesResponse, ListOpenidProvidersResponse,
    LogInWithOpenidParams, LogInWithOpenidResponse, Openid, UnlinkOpenidIdentityParams, UnlinkOpenidIdentityResponse,
};
use tasks_api::models::{
    OpenidAuthorization, OpenidAuthorizationRequest, OpenidIdentity, OpenidLink, OpenidLogin, OpenidProvider,
};

use crate::TasksService;
use crate::users::proof_required;

const QUOTA: &StorageQuota = LINK_OPENID_IDENTITY.quota("too_many_openid_identities");

impl Openid for TasksService {
    async fn list_openid_providers(&self) -> Result<ListOpenidProvidersResponse> {
        let names = self.openid.providers().map(|name| OpenidProvider { name: name.to_owned() });
        Ok(ListOpenidProvidersResponse::Ok(names.collect()))
    }

    async fn begin_openid_authorization(
        &self,
        params: BeginOpenidAuthorizationParams,
        body: OpenidAuthorizationRequest,
    ) -> Result<BeginOpenidAuthorizationResponse> {
        let begun = self.openid.begin(&params.provider, body.redirect_uri).await?;
        let Authorization { authorization_url, state, code_verifier, expires_in } = begun;
        let body = OpenidAuthorization { authorization_url, state, code_verifier, expires_in };
        Ok(BeginOpenidAuthorizationResponse::Ok(body))
    }

    async fn log_in_with_openid(
        &self,
        params: LogInWithOpenidParams,
        body: OpenidLogin,
    ) -> Result<LogInWithOpenidResponse> {
        let OpenidLogin { code, state, code_verifier, iss } = body;
        let callback = Callback { code, state, code_verifier, iss };
        let signups = self.access.limiter.signups(&LOG_IN_WITH_OPENID);
        let token = self.openid.log_in(&self.access.accounts, signups, &params.provider, callback).await?;
        Ok(LogInWithOpenidResponse::Ok(token.into()))
    }

    async fn link_openid_identity(
        &self,
        caller: Principal,
        params: LinkOpenidIdentityParams,
        body: OpenidLink,
    ) -> Result<LinkOpenidIdentityResponse> {
        caller.must_have_logged_in()?;
        let OpenidLink { code, state, code_verifier, iss, current_password } = body;
        // A token alone must not be able to give its holder another way in, which would outlive it.
        let accounts = &self.access.accounts;
        if let Some(password) = current_password {
            accounts.prove(self.access.limiter.guard(&LINK_OPENID_IDENTITY), &caller, password).await?;
        } else if accounts.has_password(&caller).await? {
            return Err(proof_required().into());
        }
        let callback = Callback { code, state, code_verifier, iss };
        self.openid.link(&caller, QUOTA, &params.provider, callback).await?;
        Ok(LinkOpenidIdentityResponse::NoContent)
    }

    async fn list_openid_identities(&self, caller: Principal) -> Result<ListOpenidIdentitiesResponse> {
        let identities = self.openid.identities(&caller).await?;
        Ok(ListOpenidIdentitiesResponse::Ok(identities.into_iter().map(|one| self.shown(one)).collect()))
    }

    async fn unlink_openid_identity(
        &self,
        caller: Principal,
        params: UnlinkOpenidIdentityParams,
    ) -> Result<UnlinkOpenidIdentityResponse> {
        caller.must_have_logged_in()?;
        match self.openid.unlink(&caller, params.openid_identity_id).await? {
            true => Ok(UnlinkOpenidIdentityResponse::NoContent),
            false => {
                Err(Problem::not_found("openid_identity_not_found", "There is no such link to a provider.").into())
            }
        }
    }
}

impl TasksService {
    fn shown(&self, identity: LinkedIdentity) -> OpenidIdentity {
        let LinkedIdentity { id, issuer, email, created_at, used_at } = identity;
        let provider = self.openid.provider_of(&issuer).map(str::to_owned);
        OpenidIdentity { id, provider, issuer, email, created_at, used_at }
    }
}
