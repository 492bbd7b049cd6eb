// Grafana's JSON, of which little is specific to a dashboard: titles, units and queries.
//
// A panel is {title, unit, queries: [[expression, legend], ...], width, kind, description, thresholds: [[value, colour]]}.
// A row is {title, panels, collapsed}. The grid is 24 wide.
const SOURCE = { type: 'prometheus', uid: 'prometheus' };
const HEIGHT = 7;

function panel(spec, gridPos, id) {
  const { title, unit = 'short', queries, kind = 'timeseries', description, thresholds = [] } = spec;
  // Grafana uses the last threshold that a value exceeds: they must ascend.
  const ascending = [...thresholds].sort(([one], [other]) => one - other);
  const steps = [{ color: 'green', value: null }, ...ascending.map(([value, color]) => ({ color, value }))];
  const custom = thresholds.length ? { thresholdsStyle: { mode: 'dashed' } } : {};
  return {
    id,
    title,
    ...(description ? { description } : {}),
    type: kind,
    datasource: SOURCE,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: { mode: 'absolute', steps }, ...(kind === 'timeseries' ? { custom } : {}) },
      overrides: [],
    },
    options: kind === 'stat' ? { colorMode: 'background', reduceOptions: { calcs: ['lastNotNull'] } } : {},
    targets: queries.map(([expr, legendFormat], index) => (
      { refId: String.fromCharCode(65 + index), datasource: SOURCE, expr, legendFormat })),
  };
}

function place(panels, top, next) {
  let [x, y] = [0, top];
  return panels.map((spec) => {
    const { width = 8 } = spec;
    if (x + width > 24) [x, y] = [0, y + HEIGHT];
    const placed = panel(spec, { x, y, w: width, h: HEIGHT }, next());
    x += width;
    return placed;
  });
}

/** A dashboard as Grafana's provisioning reads it. */
export function dashboard({ uid, title, rows }) {
  let [y, id] = [0, 0];
  const next = () => ++id;
  const panels = rows.flatMap(({ title: heading, panels: specs, collapsed = false }) => {
    const row = { id: next(), type: 'row', title: heading, collapsed, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] };
    const placed = place(specs, y + 1, next);
    // A collapsed row takes no space below itself.
    y = collapsed ? y + 1 : Math.max(...placed.map(({ gridPos }) => gridPos.y)) + HEIGHT;
    return collapsed ? [{ ...row, panels: placed }] : [row, ...placed];
  });
  return {
    uid,
    title,
    tags: ['server'],
    timezone: '',
    schemaVersion: 39,
    version: 1,
    editable: false,
    refresh: '15s',
    time: { from: 'now-1h', to: 'now' },
    panels,
  };
}
