// Parses mermaid charts with mermaid itself. stdin: a JSON array of charts. stdout: for each, what mermaid understood.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.NODE_MODULES}/`);
const { default: mermaid } = await import(pathToFileURL(require.resolve('mermaid')));
const charts = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  await mermaid.parse(text);
  const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const tasks = db.getTasks().map((task) => ({
    section: task.section,
    label: task.task.trim(),
    failed: Boolean(task.crit),
    seconds: (task.endTime - task.startTime) / 1000,
  }));
  charts.push({ type, sections: db.getSections(), tasks });
}
console.log(JSON.stringify(charts));
