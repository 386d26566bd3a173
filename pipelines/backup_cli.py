"""`yigong backup` and `yigong restore`: words to `backup.py`, results to a line."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import console
from pipelines.settings import home

JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON，供脚本使用")]


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    to: Annotated[Path | None, typer.Option("--to", help="备份目录，放在另一块盘上")] = None,
    check: Annotated[Path | None, typer.Option("--verify", help="只校验这个备份目录")] = None,
    keep: Annotated[int, typer.Option(help="保留的备份份数", min=1)] = 30,
    json: JsonFlag = False,
) -> None:
    """备份数据湖：一致、增量、以本湖密钥封存；不含 vault.key，请另行保管。"""
    from ingestion.lake import Lake
    from pipelines.backup import back_up, verify
    from pipelines.run_lock import writing

    if (to is None) == (check is None):
        raise ValueError("请给出 --to 备份目录，或 --verify 备份目录")
    if check is not None:
        with console.progress_bars(quiet=json):
            done = verify(check, home())
        text = f"备份 {done.snapshot} 完好：{done.files} 个文件，{done.bytes / 1e6:,.1f} MB"
    else:
        assert to is not None
        lake = Lake.open(home())
        with writing(lake, "yigong backup"), console.progress_bars(quiet=json):
            done = back_up(lake, to, keep=keep)
        text = (
            f"备份 {done.snapshot} 完成：{done.files} 个文件，{done.bytes / 1e6:,.1f} MB；"
            f"未变 {done.skipped} 个，新写 {done.written_bytes / 1e6:,.1f} MB，"
            f"用时 {done.seconds:.1f} 秒"
        )
    console.print_json(vars(done)) if json else console.console.print(text, markup=False)


def restore(
    source: Annotated[Path, typer.Option("--from", help="备份目录")],
    at: Annotated[str | None, typer.Option(help="备份编号，默认最新一份")] = None,
    key: Annotated[
        Path | None, typer.Option(help="vault.key 的位置；也可用环境变量 YIGONG_VAULT_KEY")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """把备份恢复到空的 YIGONG_HOME，并校验台账与白银层一致。"""
    from pipelines.backup import copy_key
    from pipelines.backup import restore as bring_back

    if key is not None:
        copy_key(key, home())
    with console.progress_bars(quiet=json):
        done = bring_back(source, home(), at)
    if json:
        console.print_json(vars(done))
        return
    console.console.print(
        f"已从备份 {done.snapshot} 恢复：{done.files} 个文件，{done.bytes / 1e6:,.1f} MB，"
        f"用时 {done.seconds:.1f} 秒；台账平衡，白银层与台账一致。请运行 yigong run 重建并发布",
        markup=False,
    )
