// Where the gateway sends the requests of a service, where every address of a name is a replica: containers and Kubernetes.

/** Services close connections that are idle for five seconds; a request must not be sent on such a connection. */
export const upstream = ({ name, port }, host = name) => `upstream ${name} { zone ${name} 128k; least_conn; server ${host}:${port} resolve max_fails=2 fail_timeout=2s; `
  + 'keepalive 64; keepalive_requests 100000; keepalive_timeout 4s; }';
