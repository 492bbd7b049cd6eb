// The gateway's part of a trace, told to a collector: OTLP as JSON by HTTP, as impl/platform/telemetry/src/traces does it for the services.
// Without a collector (GATEWAY_OTLP) there is nothing to tell. A kept answer is nobody's part of a trace.

// Spans of one request to the collector.
const BATCH = 256;
const SPAN_LIFE = 60000;

function random(bytes) {
    return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
}

/** What the services go on from, W3C's traceparent: a place of our own in the caller's trace, or the beginning of one. */
function begin(r) {
    const variables = r.variables, given = r.headersIn.traceparent || '';
    const known = given.match(/^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/);
    const sampled = known ? parseInt(known[3], 16) & 1 : Math.random() < Number(variables.traces_ratio);
    if (known && !sampled) return given;
    const trace = known ? known[1] : random(16), span = random(8);
    if (sampled) {
        variables.trace_id = trace;
        variables.span_id = span;
        variables.parent_span_id = known ? known[2] : '';
    }
    return `00-${trace}-${span}-0${sampled ? 1 : 0}`;
}

function attribute(key, value) {
    return {key, value: typeof value === 'number' ? {intValue: String(value)} : {stringValue: value}};
}

/** When all is over: notes the span to be told. The trace's id, for the log. */
function tell(r) {
    const variables = r.variables, trace = variables.trace_id, status = Number(variables.status);
    const end = Math.round(Number(variables.msec) * 1000), begun = end - Math.round(Number(variables.request_time) * 1000);
    const span = {
        traceId: trace,
        spanId: variables.span_id,
        parentSpanId: variables.parent_span_id,
        name: `${r.method} ${variables.path}`,
        kind: 2,
        startTimeUnixNano: `${begun}000000`,
        endTimeUnixNano: `${end}000000`,
        attributes: [
            attribute('http.request.method', r.method),
            attribute('http.route', variables.path),
            attribute('url.path', variables.logged_path),
            attribute('http.response.status_code', status),
            attribute('request.id', variables.id),
        ],
        status: status >= 500 ? {code: 2} : {},
    };
    ngx.shared.spans.set(variables.span_id, JSON.stringify(span), SPAN_LIFE);
    return trace;
}

/** Once a second: tells what was noted. A collector that does not answer costs spans, never requests. */
async function flush(session) {
    const endpoint = session.variables.otlp_endpoint.match(/^(http:\/\/[^/]*?)(:\d+)?(\/.*?)?\/*$/);
    if (!endpoint) return;
    const url = `${endpoint[1]}${endpoint[2] || ':4318'}${endpoint[3] || ''}/v1/traces`;
    for (;;) {
        const keys = ngx.shared.spans.keys(BATCH);
        if (!keys.length) return;
        const spans = keys.map((key) => ngx.shared.spans.get(key)).filter((span) => span !== undefined);
        keys.forEach((key) => ngx.shared.spans.delete(key));
        const resource = {attributes: [attribute('service.name', 'gateway')]};
        const body = `{"resourceSpans":[{"resource":${JSON.stringify(resource)},"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`;
        await ngx.fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body});
    }
}

export default {begin, tell, flush};
