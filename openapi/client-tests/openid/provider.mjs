// A certified OpenID provider on this machine, whose users are whoever signs in: the name is their subject. Prints a line when it is ready.
//
//   OIDC_TEST_ISSUER=http://127.0.0.1:PORT OIDC_TEST_CLIENT_ID=... OIDC_TEST_CLIENT_SECRET=... OIDC_REDIRECT_URIS=... node provider.mjs
import { Provider } from 'oidc-provider';

const { OIDC_TEST_ISSUER, OIDC_TEST_CLIENT_ID, OIDC_TEST_CLIENT_SECRET, OIDC_REDIRECT_URIS } = process.env;

const provider = new Provider(OIDC_TEST_ISSUER, {
  clients: [
    {
      client_id: OIDC_TEST_CLIENT_ID,
      client_secret: OIDC_TEST_CLIENT_SECRET,
      redirect_uris: OIDC_REDIRECT_URIS.split(','),
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  // As the standard has it, claims of a scope are at the userinfo endpoint only.
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: `${sub}@client.test`, email_verified: !sub.startsWith('unverified'), name: 'Ada Lovelace' }),
  }),
  cookies: { keys: ['of this run only'] },
});

provider.listen(new URL(OIDC_TEST_ISSUER).port, '127.0.0.1', () => console.log('listening'));
