// What services whose documents were written elsewhere are called in each client.
import { snake } from '../../compile/rust.mjs';
import { lowerCamel } from './service.mjs';

// What the clients have by these names: modules, parameters of constructors, and words of the languages.
const TAKEN = {
  typescript: 'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function gateway if import in '
    + 'instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield token signIn constructor',
  python: 'False None True and as assert async await break class continue def del elif else except finally for from gateway global if import in is lambda nonlocal not or pass raise '
    + 'retries return self spelling token try while with yield api api_client api_response call client configuration exceptions model models rest services sign_in',
  rust: 'abstract apis as async await become box break call client const continue crate do dyn else enum error extern false final fn for gateway gen if impl in let loop macro match mod '
    + 'models move multipart mut new override priv pub ref request reqwest response return self send spelling static struct super trait true try type typeof union unsafe unsized use virtual where while yield '
    + 'fetch finish sign_in token set_token with_http',
};

/** The module of a service, and the member of the client: `petStore` in TypeScript, else `pet_store`. */
export function moduleOf(language, service) {
  const isTypescript = language === 'typescript';
  const name = isTypescript ? lowerCamel(snake(service)) : snake(service);
  return TAKEN[language].split(' ').includes(name) ? `${name}${isTypescript ? 'Service' : '_service'}` : name;
}
