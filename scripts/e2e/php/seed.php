<?php
// Reads {site, count, left}: makes so many published posts past WordPress's own functions, which take seconds for each
// hundred, every tenth of them a page, instead of those that it made before; without a count it deletes of these all but
// the first that are to be left. Answers how many there are.
$given = json_decode(stream_get_contents(STDIN), true);
$_SERVER += ['REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET', 'SERVER_NAME' => '127.0.0.1', 'HTTP_HOST' => '127.0.0.1',
    'SERVER_PROTOCOL' => 'HTTP/1.1'];
require $given['site'] . '/wp-load.php';
global $wpdb;
$from = (int) ($given['left'] ?? 0);
$seeded = "post_name LIKE 'seeded-%' AND CAST(SUBSTRING(post_name, 8) AS UNSIGNED) > $from";
$wpdb->query("DELETE r FROM $wpdb->term_relationships r JOIN $wpdb->posts p ON p.ID = r.object_id WHERE $seeded");
$wpdb->query("DELETE FROM $wpdb->posts WHERE $seeded");
for ($n = 1; $n <= $given['count']; $n += 500) {
    $rows = [];
    for ($i = $n; $i < min($n + 500, $given['count'] + 1); $i++) {
        $text = '';
        for ($p = 1; $p <= 12; $p++) {
            $text .= "<!-- wp:paragraph -->\n<p>Paragraph $p of post $i tells of coffee, water &amp; time — مرحبا, 水, 🫘 — "
                . "in some words that are the same in each of them, and in others that are not: " . md5("$i $p") . ".</p>\n<!-- /wp:paragraph -->\n\n";
        }
        $time = gmdate('Y-m-d H:i:s', 1700000000 + $i * 60);
        $rows[] = $wpdb->prepare("(1, %s, %s, %s, %s, '', 'publish', %s, %s, %s, %s, '', '', '')", $time, $time, $text,
            "Seeded post $i about coffee", "seeded-$i", $i % 10 ? 'post' : 'page', $time, $time);
    }
    $wpdb->query("INSERT INTO $wpdb->posts (post_author, post_date, post_date_gmt, post_content, post_title, post_excerpt,
        post_status, post_name, post_type, post_modified, post_modified_gmt, to_ping, pinged, post_content_filtered) VALUES "
        . implode(', ', $rows));
}
$category = (int) get_option('default_category');
$wpdb->query("INSERT IGNORE INTO $wpdb->term_relationships (object_id, term_taxonomy_id, term_order)
    SELECT ID, $category, 0 FROM $wpdb->posts WHERE post_name LIKE 'seeded-%' AND post_type = 'post'");
wp_update_term_count_now([$category], 'category');
wp_cache_flush();
echo json_encode((int) $wpdb->get_var("SELECT count(*) FROM $wpdb->posts WHERE post_name LIKE 'seeded-%'"));
