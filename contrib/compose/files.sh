# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The files that compose.yaml mounts, made of .env: passwords, and configurations of the agent,
# Prometheus and Grafana. Sourced by `up`, after lib.sh.

# put FILE: stdin, when that is news.
put()
{
	cat >"$1.new" || exit 1
	if cmp -s "$1.new" "$1"; then
		rm "$1.new"
	else
		mv "$1.new" "$1"
	fi
}

make_passwords()
{
	local name file

	mkdir -p secrets && chmod 700 secrets || exit 1
	for name in GRAFANA PUSHGATEWAY PROMETHEUS; do
		# That of a gateway elsewhere is known there.
		if [[ -z $(setting ${name}_PASSWORD) ]] &&
			{ [[ $name != PUSHGATEWAY ]] || runs_here collector; }; then
			[[ ! -v ${name}_PASSWORD ]] || die "${name}_PASSWORD is empty in the environment"
			keep ${name}_PASSWORD "$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')"
		fi
		file=${name,,}-password
		setting ${name}_PASSWORD | put "secrets/$file"
		# Within secrets/, which is closed; the container's user is another one.
		chmod 644 "secrets/$file"
	done
}

make_agent()
{
	mkdir -p agent/conf.d
	{
		echo "# Made by up, from .env."
		echo "push:"
		echo "{"
		printf '\turl = "%s";\n' "$push_url"
		printf '\tinterval = "%s";\n' "$(setting PEEKPUSH_INTERVAL)"
		if secure; then
			printf '\tuser = "%s";\n' "$(setting PUSHGATEWAY_USER)"
			printf '\tpassword_file = "/run/secrets/pushgateway-password";\n'
			printf '\ttls: { ca = "/run/secrets/ca"; };\n'
		fi
		echo "};"
	} | put agent/conf.d/50-push.conf
}

make_prometheus()
{
	local from

	from=$(setting PROMETHEUS_DIR)/prometheus.yml
	secure && from=prometheus/secure.yml
	grep -q '^    cluster: default$' "$from" || die "$from has no line for the name of the site"
	mkdir -p prometheus/rules
	sed -e "s/^    cluster: default$/    cluster: $(setting SITE)/" \
		-e "s/username: PUSHGATEWAY_USER/username: $(setting PUSHGATEWAY_USER)/" \
		-e "s/username: PROMETHEUS_USER/username: $(setting PROMETHEUS_USER)/" \
		"$from" | put prometheus/prometheus.yml
}

# datasource NAME URL USER PASSWORD-FILE CA-FILE: for Grafana; the first one is the default.
datasource()
{
	local uid=peekpush-prometheus-$1 default=false

	[[ $first ]] && uid=peekpush-prometheus default=true first=
	cat <<-END
		  - name: $1
		    uid: $uid
		    type: prometheus
		    access: proxy
		    url: $2
		    isDefault: $default
		    editable: false
		    jsonData:
		      httpMethod: POST
		      prometheusType: Prometheus
		      timeInterval: $(setting PEEKPUSH_INTERVAL)
	END
	if [[ $5 ]]; then
		echo "      tlsAuthWithCACert: true"
	fi
	if [[ $3 ]]; then
		echo "    basicAuth: true"
		echo "    basicAuthUser: $3"
	fi
	if [[ $3 || $5 ]]; then
		echo "    secureJsonData:"
	fi
	if [[ $3 ]]; then
		echo "      basicAuthPassword: \$__file{$4}"
	fi
	if [[ $5 ]]; then
		echo "      tlsCACert: \$__file{$5}"
	fi
}

# make_sites: what is in sites/NAME, where Grafana may read it.
make_sites()
{
	local dir name url user ca

	# The directory itself stays the one that is mounted.
	mkdir -p secrets/sites
	[[ -d sites ]] && chmod 700 sites
	for dir in secrets/sites/*/; do
		[[ -e sites/$(basename "$dir")/url ]] || rm -rf "$dir"
	done
	for dir in sites/*/; do
		name=${dir#sites/} name=${name%/}
		[[ -e $dir/url ]] || continue
		[[ $name =~ ^[A-Za-z0-9_-]+$ ]] || die "sites/$name: letters, digits, - and _ alone"
		[[ $name != "$local_site" ]] || die "sites/$name has the name of this site (SITE)"
		url=$(head -n 1 "$dir/url") user='' ca=''
		[[ $url =~ ^https?://[^[:space:]\"]+$ ]] || die "sites/$name/url is no URL"
		mkdir -p "secrets/sites/$name"
		if [[ -e $dir/password ]]; then
			user=$(setting PROMETHEUS_USER)
			[[ ! -e $dir/user ]] || user=$(head -n 1 "$dir/user")
			head -n 1 "$dir/password" | tr -d '\n' >"secrets/sites/$name/password"
		fi
		if [[ -e $dir/ca.crt ]]; then
			ca=/run/sites/$name/ca.crt
			cp "$dir/ca.crt" "secrets/sites/$name/"
		fi
		chmod 644 "secrets/sites/$name"/* 2>/dev/null
		datasource "$name" "$url" "$user" "/run/sites/$name/password" "$ca"
	done
	return 0
}

make_grafana()
{
	local first=1 local_site='' made

	mkdir -p grafana/datasources
	# Not a pipe, which would end well where what is put into it did not.
	made=$(
		echo "# Made by up, from .env and sites/."
		echo "apiVersion: 1"
		echo "prune: true"
		echo "datasources:"
		if runs_here collector; then
			local_site=$(setting SITE)
			if secure; then
				datasource "$local_site" https://prometheus:9090 \
					"$(setting PROMETHEUS_USER)" \
					/run/secrets/prometheus-password /run/secrets/ca
			else
				datasource "$local_site" http://prometheus:9090 "" "" ""
			fi
		fi
		make_sites
	) || exit 1
	printf '%s\n' "$made" | put grafana/datasources/peekpush.yaml
	grep -q ' url: ' grafana/datasources/peekpush.yaml ||
		die "no Prometheus for Grafana: have collector run here, or make sites/NAME/url (README.md)"
}

make_files()
{
	make_passwords
	make_agent
	if runs_here collector; then
		make_prometheus
	fi
	if runs_here interface; then
		make_grafana
	fi
	if secure; then
		./certificates || exit 1
		[[ -s secrets/ca.crt ]] ||
			die "secrets/ca.crt is missing: it comes from the machine of the Pushgateway"
	fi
}
