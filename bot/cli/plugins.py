"""`parley plugins`: what is loaded, what it offers, and what is broken."""

from __future__ import annotations

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings


def plugins(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """List the plugins with their skills, observers and jobs, and why a broken one is off."""
    from bot.loader import load_plugins

    found = load_plugins(read_settings(config, data_dir)).found.values()
    rows = [
        {
            "name": plugin.name,
            "source": plugin.source,
            "summary": plugin.summary,
            "skills": [skill.usage for skill in plugin.skills],
            "observers": [observer.name for observer in plugin.observers],
            "jobs": [f"{job.name} ({job.schedule})" for job in plugin.jobs],
            "broken": plugin.broken,
        }
        for plugin in found
    ]
    if json:
        return print_json(rows)
    return print_table(
        ["plugin", "from", "skills", "observers", "jobs", "state"],
        [
            [
                str(row["name"]),
                str(row["source"]),
                ", ".join(row["skills"]),
                ", ".join(row["observers"]),
                ", ".join(row["jobs"]),
                f"off: {row['broken']}" if row["broken"] else "on",
            ]
            for row in rows
        ],
    )
