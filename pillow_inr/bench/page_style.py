"""The style sheet of the rate–distortion page: light or dark as the reader has it, one column on a narrow screen."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fff; --text: #1c2128; --faint: #5b6570; --rule: #d5dae0; --panel: #f5f7f9; --good: #12703a; --bad: #b3261e;
  --c0: #0b62c4; --c1: #d9480f; --c2: #2b8a3e; --c3: #a61e93;
  --c4: #7a5c00; --c5: #0c8599; --c6: #5f3dc4; --c7: #495057; --c8: #c2255c; --c9: #5c940d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181d; --text: #e4e8ec; --faint: #9aa5b1; --rule: #333b45;
    --panel: #1c2229; --good: #62d08c; --bad: #ff8f85;
    --c0: #5aa9ff; --c1: #ff8f4d; --c2: #63cf7c; --c3: #f183df;
    --c4: #e0bd4a; --c5: #4fd0e3; --c6: #b197fc; --c7: #adb5bd; --c8: #faa2c1; --c9: #c0eb75;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 78rem;
  background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { max-width: 48rem; margin: .4rem 0; }
.faint, small, caption { color: var(--faint); }
.warning { border-left: 4px solid var(--bad); padding: .3rem .8rem; background: var(--panel); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; margin: .6rem 0; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .28rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; }
thead th { vertical-align: bottom; border-bottom-color: var(--faint); }
.word { text-align: left; }
.wide th.word { position: sticky; left: 0; background: var(--page); }
td small {
  display: block; margin-left: auto; min-width: 6.5rem; max-width: 9rem; line-height: 1.3; white-space: normal;
}
td.why { white-space: normal; min-width: 8rem; max-width: 9.5rem; color: var(--faint); font-size: .8rem; }
tr.mean > * { font-weight: 650; border-top: 2px solid var(--faint); }
tr.mean small { font-weight: 400; }
.good { color: var(--good); } .bad { color: var(--bad); }
.legend {
  display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; margin: .5rem 0; padding: 0; list-style: none; font-size: .9rem;
}
.legend li { display: flex; align-items: center; gap: .4rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
.chart { width: 100%; height: auto; background: var(--panel); border-radius: 6px; }
.chart text { font: 13px system-ui, sans-serif; fill: var(--faint); }
.chart .title { fill: var(--text); font-size: 14px; }
.grid { stroke: var(--rule); fill: none; } .frame { stroke: var(--faint); fill: none; }
.line { stroke: var(--colour); stroke-width: 1.8; fill: none; stroke-linejoin: round; }
.s0 .line { stroke-width: 3.2; }
.mark { fill: var(--colour); stroke: var(--panel); stroke-width: .8; }
.mark.open { fill: none; stroke: var(--colour); stroke-width: .5; }
.s0 { --colour: var(--c0); } .s1 { --colour: var(--c1); } .s2 { --colour: var(--c2); } .s3 { --colour: var(--c3); }
.s4 { --colour: var(--c4); } .s5 { --colour: var(--c5); } .s6 { --colour: var(--c6); } .s7 { --colour: var(--c7); }
.s8 { --colour: var(--c8); } .s9 { --colour: var(--c9); }
.crops { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: 256px; max-width: 100%; }
figure img { display: block; width: 100%; image-rendering: pixelated; border-radius: 3px; }
figcaption { font-size: .85rem; line-height: 1.35; padding-top: .3rem; font-variant-numeric: tabular-nums; }
@media (max-width: 40rem) { figure { width: calc(50% - .5rem); } }
summary { cursor: pointer; margin: 1rem 0 .3rem; font-weight: 600; }
"""
