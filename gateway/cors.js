// Whether a page may read the gateway's own refusals: the services' answer to the same question is impl/platform/serving/src/http/cors.rs.

/** BACKEND_CORS_ORIGINS: a JSON list, or comma separated. */
function listed(text) {
    const origins = text.trim().startsWith('[') ? JSON.parse(text) : text.split(',');
    return origins.map((origin) => origin.trim().toLowerCase().replace(/\/+$/, ''));
}

/** The origin of the asking page, if it is listed; `*` if everybody's is; nothing else. */
function allowed_origin(r) {
    const origin = r.headersIn.Origin, text = r.variables.cors_origins;
    if (!origin || !text) return '';
    const origins = listed(text);
    if (origins.includes(origin.toLowerCase())) return origin;
    return origins.includes('*') ? '*' : '';
}

export default {allowed_origin};
