// What dashboards are made of, in Grafana's dashboard JSON: panels of a few kinds, laid out from left to right.

/** The first of Grafana's, until whoever looks chooses another. */
const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' } as const;
const CHOICE = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' } as const;

/** A line where another build began to run. */
const DEPLOYMENTS = {
  name: 'Deployments',
  datasource: DATA_SOURCE,
  enable: true,
  iconColor: 'blue',
  expr: 'count by (version, commit) (app_build_info{job="app"}) unless count by (version, commit) (app_build_info{job="app"} offset 1m)',
  step: '60s',
  titleFormat: 'Deployed',
  textFormat: '{{version}} {{commit}}',
} as const;

const RUNBOOKS = 'https://github.com/drydock-ci/drydock/blob/main/monitoring/runbooks.md';
const LINKS = [
  { type: 'dashboards', title: 'Dashboards', tags: ['drydock'], asDropdown: false, keepTime: true, includeVars: true },
  { type: 'link', title: 'Runbooks', url: RUNBOOKS, icon: 'doc', targetBlank: true },
] as const;
const COLUMNS = 24;

type Query = { expr: string; legend?: string };

/** Units by Grafana's names for them. */
type Unit = 'reqps' | 's' | 'bytes' | 'percentunit' | 'short' | 'none';

type Common = {
  title: string;
  description?: string;
  queries: readonly Query[];
  /** Of 24 columns. */
  width: number;
};

export type Panel =
  /** `limits` are drawn as lines. */
  | (Common & { kind: 'graph'; unit: Unit; max?: number; stacked?: true; limits?: readonly Step[] })
  /** One figure, the newest. Steps colour it: from `from` upwards it is `color`. */
  | (Common & { kind: 'figure'; unit: Unit; steps?: readonly Step[]; decimals?: number })
  /** What the labels of the newest samples say. */
  | (Common & { kind: 'labels'; columns: readonly string[] })
  | (Common & { kind: 'heat map'; unit: Unit });

export type Step = { from: number | null; color: 'green' | 'orange' | 'red' };

export type Dashboard = {
  uid: string;
  title: string;
  since: string;
  rows: readonly { title: string; panels: readonly Panel[] }[];
};

const HEIGHT = { graph: 8, figure: 5, labels: 5, 'heat map': 8 } as const;

/** The dashboard as Grafana reads it from a file. */
export function render({ uid, title, since, rows }: Dashboard) {
  let y = 0;
  let id = 0;
  const panels = rows.flatMap((row) => {
    let x = 0;
    const height = Math.max(...row.panels.map(({ kind }) => HEIGHT[kind]));
    const header = {
      id: ++id,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 },
    };
    const rendered = row.panels.map((panel) => {
      const gridPos = { x, y, w: panel.width, h: height };
      x += panel.width;
      if (x > COLUMNS) throw new Error(`${title}: the row ${row.title} is wider than ${COLUMNS} columns`);
      return { id: ++id, gridPos, ...renderPanel(panel) };
    });
    y += height;
    return [header, ...rendered];
  });
  return {
    uid,
    title,
    tags: ['drydock'],
    timezone: 'browser',
    editable: false,
    refresh: '15s',
    time: { from: `now-${since}`, to: 'now' },
    schemaVersion: 39,
    templating: { list: [CHOICE] },
    annotations: { list: [DEPLOYMENTS] },
    links: LINKS,
    panels,
  };
}

function renderPanel(panel: Panel) {
  const { title, description = '', queries } = panel;
  const targets = queries.map(({ expr, legend = '' }, index) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + index),
    datasource: DATA_SOURCE,
    expr,
    legendFormat: legend,
    ...formatOf(panel),
  }));
  return { title, description, datasource: DATA_SOURCE, targets, ...looksOf(panel) };
}

function formatOf({ kind }: Panel) {
  if (kind === 'labels') return { format: 'table', instant: true, range: false };
  if (kind === 'figure') return { instant: true, range: false };
  return kind === 'heat map' ? { format: 'heatmap' } : {};
}

function looksOf(panel: Panel) {
  switch (panel.kind) {
    case 'graph': {
      const stacking = panel.stacked ? { stacking: { mode: 'normal' }, fillOpacity: 30 } : { fillOpacity: 5 };
      const range = { min: 0, ...(panel.max === undefined ? {} : { max: panel.max }) };
      return {
        type: 'timeseries',
        fieldConfig: {
          defaults: {
            unit: panel.unit,
            ...range,
            ...limitsOf(panel.limits),
            custom: { ...stacking, ...lineOf(panel.limits), showPoints: 'never' },
          },
          overrides: [],
        },
        options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
      };
    }
    case 'figure': {
      const decimals = panel.decimals === undefined ? {} : { decimals: panel.decimals };
      return {
        type: 'stat',
        fieldConfig: {
          defaults: {
            unit: panel.unit,
            ...decimals,
            ...limitsOf(panel.steps ?? [{ from: null, color: 'green' }]),
            noValue: 'no requests',
          },
          overrides: [],
        },
        options: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'none' },
      };
    }
    case 'labels':
      return {
        type: 'table',
        fieldConfig: { defaults: {}, overrides: [] },
        options: { showHeader: true },
        transformations: [{ id: 'filterFieldsByName', options: { include: { names: panel.columns } } }],
      };
    case 'heat map':
      return {
        type: 'heatmap',
        fieldConfig: { defaults: {}, overrides: [] },
        options: {
          calculate: false,
          cellGap: 1,
          color: { mode: 'scheme', scheme: 'Oranges', steps: 64 },
          yAxis: { unit: panel.unit },
          tooltip: { mode: 'single', yHistogram: true },
        },
      };
  }
}

function limitsOf(limits: readonly Step[] | undefined) {
  if (limits === undefined) return {};
  return { thresholds: { mode: 'absolute', steps: limits.map(({ from, color }) => ({ value: from, color })) } };
}

const lineOf = (limits: readonly Step[] | undefined) =>
  limits === undefined ? {} : { thresholdsStyle: { mode: 'dashed' } };
