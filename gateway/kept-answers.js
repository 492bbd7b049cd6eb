// Answers that are given again for a while (x-gateway-cache in the documents), in memory that nginx's processes share.
//
// An answer is kept under the number of changes that were answered before it was asked for. Whoever changes something
// through this gateway raises that number before he hears of it, and so nobody who knows of a change gets an answer from
// before. What changes past this gateway is seen when an answer's time is over.

// Larger ones are asked for each time.
const LARGEST = 65536;

// Milliseconds after a change in which nothing that is asked for is kept: a replica hears of what another one has stored a
// moment later.
const HEARD = 150;

let collected;

/** Gives a kept answer. Without one the service is asked, if the path is declared as it was sent: nginx has decoded it. */
function give(r) {
    const key = ngx.shared.changes.get('all') + r.variables.kept_question;
    const kept = ngx.shared.answers.get(key);
    if (kept !== undefined) {
        r.return(200, kept);
        return;
    }
    const operation = r.variables.kept_operation;
    r.variables.kept_operation = '';
    if (r.variables.operation === operation) {
        r.variables.kept_key = key;
        r.variables.kept_asked = Date.now();
        r.internalRedirect(`/kept/${operation}`);
    } else {
        r.internalRedirect('/');
    }
}

/** Keeps an answer that passes, if all of it came, and not right after a change. */
function keep(r, data, flags) {
    r.sendBuffer(data, flags);
    const variables = r.variables, key = variables.kept_key, length = Number(variables.upstream_http_content_length);
    if (r.status !== 200 || !(length <= LARGEST)) return;
    // nginx goes on to use the memory.
    if (collected === undefined) collected = [];
    if (data.length) collected.push(Buffer.from(data));
    if (!flags.last) return;
    const answer = Buffer.concat(collected), asked = Number(variables.kept_asked);
    // Its time began when it was asked for: it may have been as old as that already.
    const left = Number(variables.kept_for) - (Date.now() - asked);
    if (answer.length !== length || left <= 0 || asked - ngx.shared.changes.get('at') < HEARD) return;
    try {
        ngx.shared.answers.set(key, answer.toString(), left);
    } catch (e) {
        // There is no room for it. Whoever asked has it all the same.
    }
}

/** To be called before a client is told of a change. */
function changed() {
    ngx.shared.changes.set('at', Date.now());
    ngx.shared.changes.incr('all', 1, 0);
}

export default {give, keep, changed};
