// What of a model is never printed: what a document calls a password, and tokens.
const TOKENS = ['access_token', 'refresh_token'];

export const isSecret = (member, property) => TOKENS.includes(member) || property.format === 'password';
