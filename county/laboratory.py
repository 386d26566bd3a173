"""Laboratory and examination results. Test codes: LOINC.

Not here: HL7 or CDA shape (`systems/`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from county.parameters import parameters
from county.roles import COUNTY_HOSPITAL
from county.services import INPATIENT, Encounter


@dataclass(frozen=True, slots=True)
class Test:
    """A test with its normal range; `low` None marks a qualitative test."""

    code: str
    name: str
    unit: str
    low: float | None
    high: float | None
    decimals: int = 1


PANELS: dict[str, tuple[Test, ...]] = {
    "血常规": (
        Test("6690-2", "白细胞计数", "10*9/L", 3.5, 9.5, 2),
        Test("789-8", "红细胞计数", "10*12/L", 4.0, 5.5, 2),
        Test("718-7", "血红蛋白", "g/L", 120, 165, 0),
        Test("4544-3", "红细胞压积", "%", 37, 48),
        Test("777-3", "血小板计数", "10*9/L", 125, 350, 0),
        Test("770-8", "中性粒细胞百分比", "%", 40, 75),
        Test("736-9", "淋巴细胞百分比", "%", 20, 50),
        Test("787-2", "平均红细胞体积", "fL", 82, 100),
    ),
    "生化全套": (
        Test("1742-6", "丙氨酸氨基转移酶", "U/L", 9, 50, 0),
        Test("1920-8", "天门冬氨酸氨基转移酶", "U/L", 15, 40, 0),
        Test("1975-2", "总胆红素", "umol/L", 3, 21),
        Test("2885-2", "总蛋白", "g/L", 65, 85),
        Test("1751-7", "白蛋白", "g/L", 40, 55),
        Test("3091-6", "尿素", "mmol/L", 3.1, 8.0),
        Test("2160-0", "肌酐", "umol/L", 57, 97, 0),
        Test("3084-1", "尿酸", "umol/L", 208, 428, 0),
        Test("14771-0", "空腹血糖", "mmol/L", 3.9, 6.1, 2),
        Test("2823-3", "钾", "mmol/L", 3.5, 5.3, 2),
        Test("2951-2", "钠", "mmol/L", 137, 147),
        Test("2075-0", "氯", "mmol/L", 99, 110),
    ),
    "血脂四项": (
        Test("14647-2", "总胆固醇", "mmol/L", 2.8, 5.2, 2),
        Test("14927-8", "甘油三酯", "mmol/L", 0.5, 1.7, 2),
        Test("14646-4", "高密度脂蛋白胆固醇", "mmol/L", 1.0, 1.9, 2),
        Test("22748-8", "低密度脂蛋白胆固醇", "mmol/L", 1.3, 3.4, 2),
    ),
    "尿常规": (
        Test("5803-2", "尿酸碱度", "", 5.0, 8.0),
        Test("5811-5", "尿比重", "", 1.003, 1.03, 3),
        Test("20454-5", "尿蛋白", "", None, None),
        Test("25428-4", "尿葡萄糖", "", None, None),
    ),
    "糖代谢": (
        Test("4548-4", "糖化血红蛋白", "%", 4.0, 6.0),
        Test("14771-0", "空腹血糖", "mmol/L", 3.9, 6.1, 2),
        Test("1558-6", "餐后血糖", "mmol/L", 4.4, 7.8, 2),
    ),
}


@dataclass(frozen=True, slots=True)
class Result:
    test: Test
    value: str
    range: str
    flag: str
    is_number: bool


PANEL_CODES = {"血常规": "L001", "生化全套": "L002", "血脂四项": "L003", "尿常规": "L004",
               "糖代谢": "L005"}  # fmt: skip
"""Service codes of the hospitals for what may be asked of their laboratories."""


@dataclass(frozen=True, slots=True)
class Report:
    report_id: str
    encounter: Encounter
    panel: str
    collected: datetime
    reported: datetime
    results: tuple[Result, ...]

    @property
    def request_id(self) -> str:
        return f"SQ{self.report_id[2:]}"

    @property
    def panel_code(self) -> str:
        """Service code of the panel asked for; a set is asked for by its first one."""
        return PANEL_CODES.get(self.panel, PANEL_CODES["生化全套"])


EXAMINATION_CODES = {
    ("DX", "胸部"): "E001", ("CT", "头颅"): "E002", ("CT", "胸部"): "E003", ("US", "腹部"): "E004",
    ("US", "甲状腺"): "E005", ("DX", "腰椎"): "E006", ("MR", "颅脑"): "E008",
    ("MR", "腰椎"): "E009",
}  # fmt: skip
"""Service codes of the hospitals for what may be asked of their imaging."""


def examination_code(modality: str, body_part: str) -> str:
    return EXAMINATION_CODES[modality, body_part]


@dataclass(frozen=True, slots=True)
class Examination:
    report_id: str
    encounter: Encounter
    modality: str
    body_part: str
    body_part_code: str
    examined: datetime
    reported: datetime
    conclusion: str
    with_pixels: bool

    @property
    def request_id(self) -> str:
        return f"SQ{self.report_id}"


_BODY = (
    ("DX", "胸部", "CHEST", "心肺未见明显异常。"),
    ("DX", "腰椎", "LSPINE", "腰椎轻度退行性变。"),
    ("CT", "头颅", "HEAD", "颅内未见明显出血征象。"),
    ("CT", "胸部", "CHEST", "双肺纹理增多，建议随访。"),
    ("US", "腹部", "ABDOMEN", "脂肪肝声像，余未见异常。"),
    ("US", "甲状腺", "THYROID", "甲状腺小结节，建议定期复查。"),
)
_MAGNETIC = {
    "HEAD": ("MR", "颅脑", "HEAD", "颅脑未见明确异常信号。"),
    "CHEST": ("MR", "腰椎", "LSPINE", "L4/5椎间盘轻度突出。"),
}
"""What every third tomography is instead."""


class Diagnostics:
    """Draws reports for visits and stays; numbers run through the whole period."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"{seed}/laboratory")
        self._reports = 0
        self._examinations = 0

    def reports(self, encounters: list[Encounter]) -> list[Report]:
        """Laboratory reports of hospital visits and of stays in their first days."""
        rate = parameters()["services"]["laboratory_outpatient"]
        found = []
        for encounter in encounters:
            if encounter.cancelled:
                continue
            inpatient = encounter.patient_class == INPATIENT
            if not inpatient and self._random.random() >= rate:
                continue
            for order in range(1 + (inpatient and self._random.random() < 0.6)):
                found.append(self._report(encounter, order))
        return sorted(found, key=lambda r: (r.reported, r.report_id))

    def bedside(self, encounter: Encounter) -> Report:
        """A bedside report; it goes out as a document, not through the laboratory system."""
        return self._report(encounter, 0, prefix="POC", panel="糖代谢")

    def _report(
        self, encounter: Encounter, order: int, prefix: str = "JY", panel: str | None = None
    ) -> Report:
        random = self._random
        self._reports += 1
        panel = panel or random.choice(list(PANELS))
        tests: list[Test] = list(PANELS[panel])
        if order == 0 and panel == "生化全套" and random.random() < 0.5:
            panel, tests = "入院套餐", tests + list(PANELS["血常规"])
        collected = encounter.start + timedelta(minutes=random.randrange(10, 60) + 5 * order)
        reported = collected + timedelta(minutes=random.randrange(30, 180))
        return Report(
            f"{prefix}{encounter.organization_id[6:]}{self._reports:08d}",
            encounter,
            panel,
            collected,
            reported,
            tuple(self._result(test) for test in tests),
        )

    def _result(self, test: Test) -> Result:
        random = self._random
        if test.low is None or test.high is None:
            positive = random.random() < 0.08
            return Result(test, "阳性(+)" if positive else "阴性(-)", "阴性(-)",
                          "A" if positive else "N", False)  # fmt: skip
        middle, width = (test.low + test.high) / 2, (test.high - test.low) / 2
        number = max(test.low * 0.3, random.gauss(middle, width * 0.7))
        flag = "H" if number > test.high else "L" if number < test.low else "N"
        return Result(
            test, f"{number:.{test.decimals}f}", f"{test.low:g}-{test.high:g}", flag, True
        )

    def examinations(self, visits: list[Encounter]) -> list[Examination]:
        """Examinations of the county hospital's visits, at least three a month."""
        rates = parameters()["services"]
        usable = [v for v in visits if v.organization_id == COUNTY_HOSPITAL and not v.cancelled]
        chosen = [v for v in usable if self._random.random() < rates["examination"]]
        chosen = chosen if len(chosen) >= 3 else usable[:3]
        found = []
        for n, visit in enumerate(chosen):
            self._examinations += 1
            chosen_body = self._random.choice(_BODY)
            if chosen_body[0] == "CT" and self._examinations % 3 == 0:
                chosen_body = _MAGNETIC[chosen_body[2]]
            modality, part, code, conclusion = chosen_body
            examined = visit.start + timedelta(minutes=self._random.randrange(20, 120))
            found.append(
                Examination(
                    f"JC{self._examinations:08d}", visit, modality, part, code, examined,
                    examined + timedelta(minutes=self._random.randrange(15, 240)), conclusion,
                    n == 0 or self._random.random() < rates["dicom_files"],
                )
            )  # fmt: skip
        return sorted(found, key=lambda e: (e.reported, e.report_id))
