"""test_demo.py: the main job on few rows: what it makes is recomputed here from the raw lines, and a second run changes nothing."""
import collections
import datetime
import decimal
import json
import os
import re
import signal
import subprocess

import deltalake
import pyarrow
import pytest
from pyiceberg.table import StaticTable

TARN = os.path.join(os.environ.get("TARN_BUILD_DIR", "build"), "tarn")
ROWS = 21000
DAY = datetime.timedelta(days=1)
EVENT_TABLES = ["bronze.events", "bronze.users", "silver.events", "silver.events_quarantine", "gold.daily_revenue", "gold.user_features"]
FLIGHT_TABLES = ["bronze.flights", "silver.flights", "silver.flights_quarantine", "silver.weather", "gold.flight_features"]


def demo(lake, *words, home=None):
    env = dict(os.environ, HOME=str(home)) if home else None
    return subprocess.run([TARN, "-w", str(lake), "demo", *words], capture_output=True, text=True, timeout=120, env=env)


def delta(lake, name):
    return deltalake.DeltaTable(str(lake / "lake" / name.replace(".", "/")))


def rows_of(table):
    return pyarrow.table(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t"))


def read(lake, name):
    """The table's rows as another engine sees them."""
    metadata = lake / "lake" / name.replace(".", "/") / "metadata"
    if metadata.exists():
        return StaticTable.from_metadata(str(max(metadata.glob("*.metadata.json")))).scan().to_arrow()
    return rows_of(delta(lake, name))


def contents(lake, names):
    """All rows of the tables, in an order of their own."""
    return {name: sorted(map(repr, read(lake, name).to_pylist())) for name in names}


def version_of(lake, name):
    return delta(lake, name).version()


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "a lake's [home]"
    run = demo(folder, "--rows", str(ROWS), "--only", "events")
    assert run.returncode == 0, run.stderr
    (folder / "report.txt").write_text(run.stdout)
    (folder / "stages.txt").write_text(run.stderr)
    return folder


# What the job should make of the lines, worked out without it.

def amount_of(text):
    try:
        return decimal.Decimal(str(text).lstrip("$€").replace(",", ""))
    except decimal.InvalidOperation:
        return None


def time_of(text):
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M:%S"):
        try:
            return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc)
        except ValueError:
            continue
    return None


def reason_of(event, users):
    amount = amount_of(event["amount"])
    if event["event_id"] is None:
        return "no event_id"
    if event["user_id"] is None:
        return "no user_id"
    if amount is not None and amount <= 0:
        return "amount not positive"
    if amount is not None and amount > 1000000:
        return "amount absurd"
    return None if event["user_id"] in users else "unknown user"


@pytest.fixture(scope="module")
def expected(lake):
    landing = lake / "landing" / "events"
    users = {line.split(",")[0] for line in (landing / "users.csv").read_text().splitlines()[1:]}
    reasons, newest, n_valid, n_lines = collections.Counter(), {}, 0, 0
    for path in sorted(landing.glob("day=*.jsonl")):
        for line in path.read_bytes().splitlines():
            n_lines += 1
            try:
                event = json.loads(line)
            except ValueError:
                reasons["broken line"] += 1
                continue
            reason = reason_of(event, users)
            if reason:
                reasons[reason] += 1
                continue
            n_valid += 1
            time = time_of(event["ts"])
            old = newest.get(event["event_id"])
            if old is None or time > old[0]:
                newest[event["event_id"]] = (time, event)
    return {"lines": n_lines, "reasons": reasons, "newest": newest, "duplicates": n_valid - len(newest)}


def test_the_lines_are_as_planned(lake, expected):
    assert expected["lines"] == ROWS
    assert expected["duplicates"] == ROWS // 21
    assert expected["reasons"]["broken line"] == ROWS // 200
    assert set(expected["reasons"]) == {"broken line", "no event_id", "no user_id", "amount not positive", "amount absurd", "unknown user"}
    invalid = sum(expected["reasons"].values()) - ROWS // 200
    assert 0.007 * ROWS < invalid < 0.013 * ROWS
    assert len(list((lake / "landing" / "events").glob("day=*.jsonl"))) == 120


def test_bronze_keeps_every_line(lake):
    landing = lake / "landing" / "events"
    received = collections.Counter(line.decode("latin-1") for path in landing.glob("day=*.jsonl") for line in path.read_bytes().split(b"\n")[:-1])
    table = read(lake, "bronze.events")
    assert collections.Counter(table["_raw_payload"].to_pylist()) == received
    assert table["_corrupt_record"].null_count == ROWS - ROWS // 200


def test_silver_is_the_newest_valid_word_on_each_event(lake, expected):
    rows = {row["event_id"]: row for row in read(lake, "silver.events").to_pylist()}
    assert len(rows) == read(lake, "silver.events").num_rows == len(expected["newest"])
    for event_id, (time, event) in expected["newest"].items():
        row = rows[event_id]
        assert row["event_time"] == time and row["event_date"] == time.date()
        assert row["amount"] == amount_of(event["amount"]), event
        assert row["currency"] == (None if event["amount"] is None else "EUR" if str(event["amount"]).startswith("€") else "USD")
        assert 0 <= row["days_late"] <= 3 and 0.5 < row["_quality_score"] <= 1
    reasons = collections.Counter(read(lake, "silver.events_quarantine")["reason"].to_pylist())
    assert reasons == expected["reasons"]


def test_gold_sums_up_silver(lake):
    wanted = collections.defaultdict(lambda: [0, 0])
    for row in read(lake, "silver.events").to_pylist():
        if row["event_type"] == "purchase":
            sums = wanted[row["event_date"], row["region"], row["category"]]
            sums[0] += 1
            sums[1] += row["amount_usd"]
    found = {(r["event_date"], r["region"], r["category"]): [r["orders"], r["revenue_usd"]] for r in read(lake, "gold.daily_revenue").to_pylist()}
    assert found == wanted


def test_features_know_90_days_and_nothing_later(lake):
    day = datetime.date(2026, 6, 20)
    events = collections.defaultdict(list)
    for row in read(lake, "silver.events").to_pylist():
        if day - 89 * DAY <= row["event_date"] <= day:
            events[row["user_id"]].append(row)
    features = {r["user_id"]: r for r in read(lake, "gold.user_features").to_pylist() if r["feature_date"] == day}
    assert features.keys() == events.keys()
    for user, rows in events.items():
        f = features[user]
        days = [r["event_date"] for r in rows]
        spend = [r["amount_usd"] for r in rows if r["event_type"] == "purchase"]
        assert (f["events_90d"], f["orders_90d"], f["spend_usd_90d"]) == (len(rows), len(spend), sum(spend))
        assert (f["active_days_90d"], f["days_since_last"]) == (len(set(days)), (day - max(days)).days)
        assert f["weekend_ratio_90d"] == pytest.approx(sum(d.weekday() >= 5 for d in days) / len(days), abs=1e-4)


def test_the_report_shows_upkeep_and_quality(lake, expected):
    report = (lake / "report.txt").read_text()
    before, after = (re.search(rf"read {when} +(\d+) of (\d+) files, ([\d.]+ .B) of", report) for when in ("before", "after"))
    assert int(before[1]) == 14 and int(after[1]) < 14
    assert "0 rows differ from version" in report
    assert re.search(r"RESTORE$.*UPDATE$", report, re.M | re.S)
    assert re.search(rf"duplicates +{expected['duplicates']:,} ", report)
    for reason, n in expected["reasons"].items():
        assert re.search(rf"rejected: {reason} +{n:,} ", report)
    assert len(re.findall(r"^\[ ?\d/6\] .* s$", (lake / "stages.txt").read_text(), re.M)) == 6


def test_a_second_run_changes_nothing_but_history(lake):
    before, version = contents(lake, EVENT_TABLES), version_of(lake, "bronze.events")
    run = demo(lake, "--rows", str(ROWS), "--only", "events")
    assert run.returncode == 0, run.stderr
    assert "there already" in run.stderr
    assert contents(lake, EVENT_TABLES) == before
    assert version_of(lake, "bronze.events") > version


def test_in_iceberg_the_rows_and_the_report_are_the_same(lake, tmp_path):
    words = ["--rows", str(ROWS), "--only", "events", "--format", "iceberg"]
    run = demo(tmp_path, *words)
    assert run.returncode == 0, run.stderr
    assert "0 rows differ from version" in run.stdout
    assert re.search(r"RESTORE$.*UPDATE$", run.stdout, re.M | re.S)
    assert re.search(r"read before +14 of 14 files", run.stdout) and not re.search(r"read after +14 of", run.stdout)
    assert contents(tmp_path, EVENT_TABLES) == contents(lake, EVENT_TABLES)
    run = demo(tmp_path, *words)
    assert run.returncode == 0, run.stderr
    assert contents(tmp_path, EVENT_TABLES) == contents(lake, EVENT_TABLES)
    run = demo(tmp_path, *words[:-1], "delta")
    assert run.returncode == 1 and "INVALID: demo: the tables of this warehouse are iceberg, not delta: choose another one with -w" in run.stderr


def test_a_damaged_file_is_made_again_and_another_seed_replaces_all(lake):
    path = lake / "landing" / "events" / "day=2026-04-01.jsonl"
    whole, before = path.read_bytes(), contents(lake, EVENT_TABLES)
    path.write_bytes(whole[:1000])
    assert demo(lake, "--rows", str(ROWS), "--only", "events").returncode == 0
    assert path.read_bytes() == whole
    assert contents(lake, EVENT_TABLES) == before
    assert demo(lake, "--rows", str(ROWS), "--seed", "7", "--only", "events").returncode == 0
    ids = set(read(lake, "silver.events")["event_id"].to_pylist())
    assert ids and not ids & {re.search(r"'event_id': '(\w+)'", row)[1] for row in before["silver.events"]}


def test_an_interrupted_job_is_finished_by_the_next(tmp_path):
    words = [TARN, "-w", str(tmp_path / "lake"), "demo", "--rows", "200000", "--only", "events"]
    job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "landing" in job.stderr.readline()
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 130 and "CANCELLED" in said
    run = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert read(tmp_path / "lake", "bronze.events").num_rows == 200000


# Flights, from small files of our own.

FLIGHTS = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour"
WEATHER = "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour"


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "its files"
    folder.mkdir()
    flights = [f"2013,1,1,517,{5 + i % 12}{i % 60:02},{i},830,819,11,UA,{i},N1,EWR,IAH,227,1400,{5 + i % 12},{i % 60},2013-01-01T{10 + i % 12}:00:00Z" for i in range(200)]
    flights[3] = "2013,1,1,NA,809,NA,NA,819,NA,UA,3,NA,EWR,BQN,NA,1400,8,9,2013-01-01T13:00:00Z"
    flights += [flights[5], "2013,1,1,517,515,2,830,819,11,ZZ,900,N1,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"]
    weather = [f"EWR,2013,1,1,{h},{h}.5,26,59,270,10,NA,0,1012,10,2013-01-01T{h:02}:00:00Z" for h in range(8, 24, 2)]
    (folder / "flights.csv").write_text("\n".join([FLIGHTS, *flights]) + "\n")
    (folder / "weather.csv").write_text("\n".join([WEATHER, *weather]) + "\n")
    (folder / "airlines.csv").write_text("carrier,name\nUA,United\n")
    (folder / "airports.csv").write_text("faa,name,lat,lon,alt,tz,dst,tzone\nEWR,Newark,1,2,3,-5,A,NY\nIAH,Houston,1,2,3,-6,A,Chicago\n")
    (folder / "planes.csv").write_text("tailnum,year,type,manufacturer,model,engines,seats,speed,engine\nN1,2004,x,y,z,2,55,NA,Turbo-fan\n")
    return folder


def test_flights_know_the_weather_before_them(tmp_path, files):
    lake = tmp_path / "lake"
    run = demo(lake, "--only", "flights", "--input", str(files))
    assert run.returncode == 0, run.stderr
    assert read(lake, "silver.flights").num_rows == 200
    assert read(lake, "silver.flights_quarantine").to_pylist()[0]["reason"] == "unknown carrier"
    for row in read(lake, "gold.flight_features").to_pylist():
        hour = row["scheduled_at"].hour // 2 * 2
        assert row["weather_at"] == row["scheduled_at"].replace(hour=hour, minute=0)
        assert row["temp"] == hour + 0.5
        assert row["cancelled"] == (row["flight"] == 3)
    before = contents(lake, FLIGHT_TABLES)
    assert demo(lake, "--only", "flights", "--input", str(files)).returncode == 0
    assert contents(lake, FLIGHT_TABLES) == before


def test_on_s3(s3, tmp_path):
    """The same tables in a bucket, as another engine reads them there; the raw lines stay on this machine."""
    place, lake = s3.prefix(), tmp_path / "lake"
    for where in (place, lake):
        run = demo(where, "--rows", "10000", "--only", "events", home=tmp_path)
        assert run.returncode == 0, run.stderr
    for name in ["silver.events", "silver.events_quarantine", "gold.daily_revenue", "gold.user_features"]:
        table = deltalake.DeltaTable(f"{place}/lake/{name.replace('.', '/')}", storage_options={**s3.env, "AWS_ALLOW_HTTP": "true"})
        assert sorted(map(repr, rows_of(table).to_pylist())) == contents(lake, [name])[name]


def test_a_gate_stops_the_job(tmp_path, files):
    lake = tmp_path / "lake"
    (files / "airlines.csv").write_text("carrier,name\nXX,Nobody\n")
    run = demo(lake, "--only", "flights", "--input", str(files))
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith('tarn: INVALID: demo: the gate "silver.flights: rows" stops the job: found 0, wanted at least 90 % of')
    assert "bronze.flights: rows" in run.stdout
    assert read(lake, "gold.flight_features").num_rows == 0


def test_missing_files(tmp_path, files):
    run = demo(tmp_path / "lake", "--only", "flights", home=tmp_path)
    assert run.returncode == 0
    assert "skipped" in run.stdout and "fetch_flights.sh" in run.stdout
    (files / "planes.csv").unlink()
    run = demo(tmp_path / "lake", "--only", "flights", "--input", str(files))
    assert run.returncode == 1
    assert "no planes.csv" in run.stderr


@pytest.mark.parametrize("words", [["--rows", "many"], ["--rows", "1"], ["--seed", "-1"], ["--only", "trains"], ["--format", "parquet"], ["--only", "events", "--input", "."], ["more"], ["--rows"]])
def test_wrong_usage(tmp_path, words):
    run = demo(tmp_path / "lake", *words)
    assert run.returncode == 2 and run.stderr.startswith("tarn: ")
    assert not (tmp_path / "lake").exists()
