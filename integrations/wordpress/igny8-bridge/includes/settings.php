<?php
// SPDX-License-Identifier: GPL-2.0-or-later
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

add_action( 'admin_menu', __NAMESPACE__ . '\settings_menu' );
add_action( 'admin_post_igny8_bridge', __NAMESPACE__ . '\settings_act' );
add_action( 'admin_notices', __NAMESPACE__ . '\settings_notice' );

function settings_menu() {
	add_options_page( 'Igny8', 'Igny8', 'manage_options', 'igny8-bridge', __NAMESPACE__ . '\settings_page' );
}

/** On the pages that administrators come to anyway. */
function settings_notice() {
	$screen  = get_current_screen();
	$is_seen = $screen && in_array( $screen->id, array( 'dashboard', 'plugins', 'settings_page_igny8-bridge' ), true );
	$trouble = $is_seen && current_user_can( 'manage_options' ) ? queue_trouble() : '';
	if ( '' !== $trouble ) {
		printf(
			'<div class="notice notice-warning"><p>%s <a href="%s">%s</a></p></div>',
			esc_html( $trouble ),
			esc_url( admin_url( 'options-general.php?page=igny8-bridge' ) ),
			'Look at the events.'
		);
	}
}

/** What the buttons do. */
function settings_act() {
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_die( 'You may not change these settings.', '', array( 'response' => 403 ) );
	}
	check_admin_referer( 'igny8_bridge' );
	$given  = wp_unslash( $_POST );
	$action = isset( $given['do'] ) && is_string( $given['do'] ) ? $given['do'] : '';
	if ( 'connect' === $action ) {
		$kept = options();
		$base = preg_replace( '~/api(/v1)?$~', '', untrailingslashit( esc_url_raw( trim( (string) ( $given['base'] ?? '' ) ), array( 'http', 'https' ) ) ) );
		$key  = trim( (string) ( $given['api_key'] ?? '' ) );
		options_save(
			array(
				'base'    => $base,
				// An empty field keeps the key, but never sends it to another address.
				'api_key' => '' !== $key ? $key : ( $base === $kept['base'] ? $kept['api_key'] : '' ),
				'user_id' => (int) ( $given['user_id'] ?? 0 ),
			)
		);
		product_connect();
	} elseif ( 'test' === $action ) {
		product_test();
	} elseif ( 'disconnect' === $action ) {
		product_disconnect();
	} elseif ( 'retry' === $action ) {
		queue_hurry();
		queue_deliver();
	}
	wp_safe_redirect( admin_url( 'options-general.php?page=igny8-bridge' ) );
	exit;
}

function settings_page() {
	$kept  = options();
	$state = $kept['state'];
	$ready = '' !== $kept['secret'];
	?>
	<div class="wrap">
	<h1>Igny8</h1>
	<?php if ( $state ) : ?>
		<div class="notice notice-<?php echo $state['ok'] ? 'success' : 'error'; ?> inline"><p>
		<strong><?php echo $state['ok'] ? 'Connected.' : 'Not connected.'; ?></strong>
		<?php echo esc_html( $state['message'] ); ?>
		<em><?php echo esc_html( wp_date( 'Y-m-d H:i', $state['at'] ) ); ?></em>
		</p></div>
	<?php endif; ?>
	<form method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>">
		<input type="hidden" name="action" value="igny8_bridge">
		<?php wp_nonce_field( 'igny8_bridge' ); ?>
		<table class="form-table" role="presentation">
		<tr><th><label for="igny8-base">Address of Igny8</label></th>
			<td><input id="igny8-base" class="regular-text" type="url" name="base" required value="<?php echo esc_attr( $kept['base'] ); ?>"></td></tr>
		<tr><th><label for="igny8-key">ApiKey</label></th>
			<td><input id="igny8-key" class="regular-text" type="password" name="api_key" autocomplete="off" placeholder="<?php echo '' !== $kept['api_key'] ? esc_attr( '••••' . substr( $kept['api_key'], -4 ) ) : ''; ?>">
			<p class="description">Made in Igny8 for this site, under its ApiKeys. Leave it empty to keep the one that is stored.</p></td></tr>
		<tr><th><label for="igny8-user">Publish as</label></th><td>
			<?php
			wp_dropdown_users(
				array(
					'id'         => 'igny8-user',
					'name'       => 'user_id',
					'selected'   => $kept['user_id'] ? $kept['user_id'] : get_current_user_id(),
					'capability' => array( 'publish_posts' ),
				)
			);
			?>
			<p class="description">Articles carry this user's name, and Igny8 may do here what this user may.</p></td></tr>
		</table>
		<p class="submit">
			<button class="button button-primary" name="do" value="connect"><?php echo $ready ? 'Save and connect again' : 'Connect'; ?></button>
			<?php if ( $ready ) : ?>
				<button class="button" name="do" value="test" formnovalidate>Test the connection</button>
				<button class="button" name="do" value="retry" formnovalidate>Send waiting events now</button>
				<button class="button button-link-delete" name="do" value="disconnect" formnovalidate>Disconnect</button>
			<?php endif; ?>
		</p>
	</form>
	<h2>Last events</h2>
	<table class="widefat striped">
		<thead><tr><th>When</th><th>Event</th><th>Post</th><th>State</th><th>Tries</th><th>Next</th><th>Reason</th></tr></thead><tbody>
		<?php foreach ( queue_newest() as $row ) : ?>
			<tr><td><?php echo esc_html( wp_date( 'Y-m-d H:i:s', (int) $row->created_at ) ); ?></td>
			<td><?php echo esc_html( $row->event ); ?></td><td><?php echo (int) $row->post_id; ?></td>
			<td><?php echo esc_html( $row->state ); ?></td><td><?php echo (int) $row->attempts; ?></td>
			<td><?php echo 'waiting' === $row->state ? esc_html( wp_date( 'Y-m-d H:i', (int) $row->next_at ) ) : ''; ?></td>
			<td><?php echo esc_html( $row->error ); ?></td></tr>
		<?php endforeach; ?>
		</tbody></table>
	</div>
	<?php
}
