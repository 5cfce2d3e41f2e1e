// Writes the value of standard input as JavaScript does, as JSON of names and texts.
const value = require("fs").readFileSync(0, "utf8");
const json = JSON.stringify(value).slice(1, -1);
const units = (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0");
const link = new URL("https://example.com/");
link.searchParams.set("a", value);
const address = new URL("https://example.com/");
address.password = value;
process.stdout.write(JSON.stringify({
  "encodeURIComponent": encodeURIComponent(value),
  "encodeURI": encodeURI(value),
  "escape": escape(value),
  "URLSearchParams": new URLSearchParams({ a: value }).toString().slice(2),
  "the search of a URL": link.search.slice(3),
  "the password of a URL": address.password,
  "querystring": require("querystring").escape(value),
  "JSON.stringify": json,
  "JSON in JSON": JSON.stringify(json).slice(1, -1),
  "JSON with \\u for all but ASCII": json.replace(/[^\x00-\x7f]/g, units),
  "util.inspect": require("util").inspect(value, { breakLength: Infinity }).slice(1, -1),
  "base64": Buffer.from(value).toString("base64"),
  "base64url": Buffer.from(value).toString("base64url"),
  "template": value.replace(/[`\\$]/g, "\\$&"),
}));
