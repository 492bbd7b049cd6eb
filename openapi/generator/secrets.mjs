// Fields of a model that are never printed: passwords, as declared in a document, and tokens.
const TOKENS = ['access_token', 'refresh_token', 'token', 'code_verifier'];

export const isSecret = (member, property) => TOKENS.includes(member) || property.format === 'password';
