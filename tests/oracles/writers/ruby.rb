# Writes the value of standard input as Ruby does, as JSON of names and texts.
require "cgi"
require "erb"
require "json"
require "shellwords"
require "uri"
value = STDIN.read.force_encoding("UTF-8")
puts JSON.generate(
  "inspect" => value.inspect,
  "dump" => value.dump,
  "CGI.escape" => CGI.escape(value),
  "html_escape" => ERB::Util.html_escape(value),
  "encode_www_form_component" => URI.encode_www_form_component(value),
  "shellescape" => value.shellescape
)
