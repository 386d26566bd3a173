"""Reason codes: every way an input can be refused, with the sentence a county reads.

One fact, one place: quarantine, `inspect`, docs and tests take codes from here.
"""

REASONS: dict[str, str] = {
    "empty_file": "文件为空",
    "file_too_large": "文件超过单文件上限",
    "unknown_format": "无法识别文件格式",
    "wrong_format": "文件格式与约定不符",
    "wrong_encoding": "字符编码与约定不符",
    "truncated": "内容被截断",
    "malformed_message": "HL7 消息结构错误",
    "missing_header": "HL7 消息缺少 MSH 段",
    "malformed_xml": "XML 结构错误",
    "malformed_json": "JSON 结构错误",
    "forbidden_xml": "XML 含被禁止的实体或外部引用",
    "unsupported_document": "XML 不是可识别的医疗文档",
    "malformed_dicom": "DICOM 结构错误",
    "malformed_table": "表格结构错误",
    "missing_column": "缺少约定的列",
    "line_too_long": "单行超过上限",
    "nested_archive": "压缩包内含压缩包或超出解压上限",
    "malformed_database": "数据库文件无法读取",
    "missing_table": "缺少约定的数据表",
    "not_taken": "记录的类型未约定，没有接入",
    "carries_nothing": "记录按约定不含数据",
    "reader_failed": "读取程序出错",
    "too_costly": "解析超过单文件内存或时间上限",
    "missing_required": "必填项为空",
    "not_a_number": "不是数字",
    "impossible_date": "日期或时间不存在",
    "date_after_arrival": "业务日期晚于到达日期",
    "date_too_early": "业务日期早于可接收的最早日期",
    "out_of_range": "数值超出允许范围",
    "unknown_code": "代码未建立映射",
    "rule_failed": "违反行级规则",
    "snapshot_shrank": "全量文件比上次少得太多或没有读全，未据此撤销任何行",
}
