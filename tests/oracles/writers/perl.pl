# Writes the value of standard input as Perl's own modules do, as JSON of names and texts.
use strict;
use warnings;
use utf8;
use JSON::PP;
use MIME::Base64;
use Data::Dumper;
binmode STDIN;
my $raw = do { local $/; <STDIN> };
my $value = $raw;
utf8::decode($value);
local $Data::Dumper::Terse = 1;
local $Data::Dumper::Indent = 0;
my $single = Dumper($raw);
utf8::decode($single);
local $Data::Dumper::Useqq = 1;
my $percent = $raw;
$percent =~ s/([^A-Za-z0-9\-_.~])/sprintf("%%%02x", ord $1)/ge;
my $every = $raw;
$every =~ s/(.)/sprintf("%%%02X", ord $1)/gse;
my %written = (
    "JSON::PP" => JSON::PP->new->allow_nonref->encode($value),
    "JSON::PP, ascii" => JSON::PP->new->ascii->allow_nonref->encode($value),
    "Data::Dumper" => $single,
    "Data::Dumper, useqq" => Dumper($value),
    "Data::Dumper, useqq, bytes" => Dumper($raw),
    "quotemeta" => quotemeta($value),
    "percent, small" => $percent,
    "percent, every byte" => $every,
    "MIME::Base64" => encode_base64($raw),
);
print JSON::PP->new->ascii->encode(\%written);
