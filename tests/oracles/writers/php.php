<?php
// Writes the value of standard input as PHP does, as JSON of names and texts.
$value = stream_get_contents(STDIN);
echo json_encode([
    "json_encode" => json_encode($value),
    "rawurlencode" => rawurlencode($value),
    "urlencode" => urlencode($value),
    "htmlspecialchars" => htmlspecialchars($value, ENT_QUOTES),
    "htmlentities" => htmlentities($value),
    "var_export" => var_export($value, true),
    "addslashes" => addslashes($value),
]);
