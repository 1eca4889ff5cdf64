// How the report looks: both colour schemes, narrow and wide, on paper as well. Contrast is at least 4.5 to 1 in either scheme.

export const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1c2024, #e6e8ea); --soft: light-dark(#5b636b, #a3abb3); --line: light-dark(#d8dce0, #353b41);
  --paper: light-dark(#fff, #15181b); --panel: light-dark(#f5f6f8, #1d2125); --good: light-dark(#1a7f37, #4cc26a); --bad: light-dark(#c0262d, #ff8182);
  --open: light-dark(#8a5a00, #e3b341); --bar: light-dark(#7d9cc0, #56789f); --path: light-dark(#2459a6, #7fb0f0); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; } h2 { font-size: 1.125rem; margin: 2.5rem 0 0.5rem; } h3 { font-size: 1rem; margin: 1rem 0 0.25rem; }
a { color: var(--path); } :focus-visible { outline: 2px solid var(--path); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
header { border-left: 0.375rem solid var(--soft); padding: 0.25rem 0 0.25rem 1rem; }
header.passed { border-color: var(--good); } header.failed, header.error { border-color: var(--bad); } header p { margin: 0.25rem 0 0; color: var(--soft); }
.passed b { color: var(--good); } .failed b { color: var(--bad); } .open b { color: var(--open); } .skipped b { color: var(--soft); font-weight: 400; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--soft); padding: 0 0 0.25rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3125rem 0.75rem 0.3125rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
thead th { overflow-wrap: normal; border-top: 0; color: var(--soft); font-weight: 400; font-size: 0.875rem; } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.lane { position: relative; min-width: 12rem; width: 55%; } .lane i { position: absolute; top: 0.625rem; height: 0.75rem; min-width: 2px; border-radius: 2px; background: var(--bar); }
.critical .lane i { background: var(--path); } .critical th { font-weight: 700; } tbody th { font-weight: 400; overflow-wrap: normal; min-width: 5.5rem; } .word { overflow-wrap: normal; } ul { margin: 0.5rem 0; padding-left: 1.25rem; }
pre { margin: 0.25rem 0; padding: 0.75rem; background: var(--panel); font: 0.8125rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
ins, del { text-decoration: none; } ins { color: var(--good); } del { color: var(--bad); } input { font: inherit; max-width: 100%; } [hidden] { display: none !important; }
code { font: 0.875em ui-monospace, monospace; overflow-wrap: anywhere; } details { border-top: 1px solid var(--line); } summary { padding: 0.3125rem 0; cursor: pointer; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.5rem; } table, caption, tbody { display: block; }
  thead { position: absolute; clip-path: inset(50%); } tbody tr { display: grid; grid-template-columns: 1fr auto auto; padding: 0.3125rem 0; border-top: 1px solid var(--line); }
  tbody th, tbody td { border: 0; padding: 0; grid-column: 1 / -1; } tbody th { grid-area: 1 / 1; font-weight: 600; } .when tr:not(.critical) th { font-weight: 400; } tbody .number { grid-row: 1; grid-column: auto; padding-left: 0.75rem; }
  td[data-name]::before { content: attr(data-name) ' '; color: var(--soft); } .lane { width: auto; height: 1.25rem; } .lane i { top: 0.25rem; }
}
@media print { body { max-width: none; } }
`;
