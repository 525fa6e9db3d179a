//! A synthetic list of service items, the same each time: departments, items, and what belongs to
//! them, written as the files that `packages/service-items/imports` reads. Nobody's real items.

use std::path::Path;

/// Departments of a city: name, name in English, short name.
const DEPARTMENTS: [(&str, &str, &str); 19] = [
    ("发展和改革局", "Development and Reform Bureau", "测发改"),
    ("教育局", "Education Bureau", "测教"),
    ("科学技术局", "Science and Technology Bureau", "测科"),
    ("工业和信息化局", "Industry and Information Bureau", "测工信"),
    ("公安局", "Public Security Bureau", "测公"),
    ("民政局", "Civil Affairs Bureau", "测民"),
    ("司法局", "Justice Bureau", "测司"),
    ("财政局", "Finance Bureau", "测财"),
    ("人力资源和社会保障局", "Human Resources Bureau", "测人社"),
    ("自然资源局", "Natural Resources Bureau", "测自"),
    ("生态环境局", "Environment Bureau", "测环"),
    ("住房和城乡建设局", "Housing Bureau", "测建"),
    ("交通运输局", "Transport Bureau", "测交"),
    ("水利局", "Water Bureau", "测水"),
    ("农业农村局", "Agriculture Bureau", "测农"),
    ("商务局", "Commerce Bureau", "测商"),
    ("文化和旅游局", "Culture and Tourism Bureau", "测文"),
    ("卫生健康委员会", "Health Commission", "测卫"),
    ("市场监督管理局", "Market Regulation Bureau", "测市监"),
];
/// Kinds of items: digits in the code, word, kind of result, what it is called, the same in English.
const KINDS: [(&str, &str, &str, &str, &str); 7] = [
    ("01", "行政许可", "许可证", "许可", "licence"),
    ("05", "行政给付", "给付", "补贴", "allowance"),
    ("07", "行政确认", "证书", "认定", "recognition"),
    ("08", "行政奖励", "批文", "奖励", "award"),
    ("09", "行政裁决", "答复", "裁决", "ruling"),
    ("10", "其他行政权力", "登记", "备案", "filing"),
    ("20", "公共服务", "证明", "证明", "proof"),
];
const OBJECTS: [(&str, &str); 5] = [
    ("测试场所", "test premises"),
    ("测试车辆", "test vehicle"),
    ("测试设备", "test equipment"),
    ("测试机构", "test institution"),
    ("测试人员", "test staff"),
];
/// A main item and its two sub-items.
const ACTS: [(&str, &str); 3] = [("办理", "first"), ("变更", "change"), ("延续", "renewal")];
const FORMS: [&str; 4] = ["窗口", "窗口、网上", "窗口、网上、邮寄", "网上、自助"];
const CONDITIONS: [(&str, &str); 3] = [
    ("符合规定的条件", "what the rules demand is there"),
    ("材料真实", "the papers are true"),
    ("未受相关处罚", "there was no penalty in the matter"),
];
/// Name, the same in English, form, copies, source, package, register, group, holder, need.
const MATERIALS: [[&str; 10]; 5] = [
    ["申请书", "application", "原件", "1", "申请人", "", "", "", "", "必要"],
    ["身份证明", "identity", "电子件", "1", "共享", "identity", "subject", "identity", "", "必要"],
    ["说明材料", "explanation", "复印件", "2", "申请人", "", "", "", "", "必要"],
    [
        "权属证明",
        "title",
        "电子件",
        "1",
        "共享",
        "real-estate",
        "right",
        "holder-identity",
        "",
        "必要",
    ],
    ["其他部门意见", "opinion", "电子件", "1", "部门", "", "", "", "测试市某局", "非必要"],
];

/// An item: its row, and the rows that are joined to it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) code: String,
    pub(super) stem: String,
    pub(super) department: String,
    pub(super) name: (String, String),
    /// Digits, word, result.
    pub(super) kind: (&'static str, &'static str, &'static str),
    pub(super) legal: u32,
    pub(super) promised: u32,
    /// In yuan.
    pub(super) fee: u32,
    pub(super) forms: &'static str,
    pub(super) process: Option<&'static str>,
    pub(super) basis: usize,
    pub(super) conditions: usize,
    pub(super) materials: usize,
}

/// Code, name, name in English, short name and member of each department.
pub(super) fn departments() -> Vec<[String; 5]> {
    let all = DEPARTMENTS.iter().zip(1_usize..);
    let row = |((zh, en, short), n): (&(&str, &str, &str), usize)| {
        let (zh, en) = (format!("测试市{zh}"), format!("{en} of Test City"));
        [social_credit_code(n), zh, en, (*short).to_owned(), format!("bureau-{n:02}")]
    };
    all.map(row).collect()
}

/// So many items, spread over the departments; each main item before its sub-items.
pub(super) fn items(count: usize) -> Vec<Item> {
    let departments = DEPARTMENTS.len();
    let of = |d: usize| count / departments + usize::from(d < count % departments);
    (0..departments).flat_map(|d| (0..of(d)).map(move |j| item(d, j))).collect()
}

/// Item `j` of department `d`.
fn item(d: usize, j: usize) -> Item {
    let (main, sub) = (j / ACTS.len() + 1, j % ACTS.len());
    let (digits, kind, result, noun, noun_en) = KINDS[(d + main) % KINDS.len()];
    let ((object, object_en), (act, act_en)) = (OBJECTS[(d * 3 + main) % 5], ACTS[sub]);
    let department = social_credit_code(d + 1);
    let stem = format!("{department}343{digits}{:02}{main:03}", d + 1);
    let promised = if j.is_multiple_of(5) { 0 } else { 1 + u32::try_from((d + j) % 9).unwrap() };
    Item {
        code: format!("{stem}{sub:03}"),
        stem,
        department,
        name: (
            format!("{object}{noun}{main:03}（{act}）"),
            format!("{noun_en} {main:03} for {object_en} ({act_en})"),
        ),
        kind: (digits, kind, result),
        legal: if main.is_multiple_of(7) { 30 } else { 20 },
        promised,
        fee: if main.is_multiple_of(10) { 80 } else { 0 },
        forms: FORMS[(d + j) % FORMS.len()],
        process: (promised == 0).then_some("service-immediate"),
        basis: 1 + j % 2,
        conditions: 1 + j % CONDITIONS.len(),
        materials: 1 + (d + j * 2 + main) % MATERIALS.len(),
    }
}

/// GB 32100: a body's part that no real one has, with both check characters.
fn social_credit_code(n: usize) -> String {
    let body = format!("00TEXT{n:02}");
    let inner = body.chars().zip([3, 7, 9, 10, 5, 8, 4, 2]);
    let sum: u32 = inner.map(|(c, weight)| c.to_digit(36).unwrap() * weight).sum();
    let inner = match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap(),
    };
    let code = format!("11431300{body}{inner}");
    let alphabet: Vec<char> = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().collect();
    let value = |c: char| alphabet.iter().position(|known| *known == c).unwrap();
    let weighted = code.chars().scan(1, |weight, c| {
        let term = value(c) * *weight;
        *weight = *weight * 3 % 31;
        Some(term)
    });
    format!("{code}{}", alphabet[(31 - weighted.sum::<usize>() % 31) % 31])
}

/// Writes the files of `imports/departments.yaml` and `imports/items.yaml`.
pub(super) fn write(items: &[Item], folder: &Path) {
    let departments = departments();
    let header = ["统一社会信用代码", "机构名称", "英文名称", "简称", "经办单位"];
    let rows = departments.iter().map(|row| row.each_ref().map(String::as_str));
    file(&folder.join("departments.csv"), header, rows);

    let header = [
        "事项编码",
        "主项编码",
        "实施机构",
        "事项名称",
        "英文名称",
        "事项类型",
        "法定期限",
        "承诺期限",
        "期限依据",
        "收费",
        "收费依据",
        "办理形式",
        "办理结果",
        "流程",
    ];
    let rows = items.iter().map(|item| {
        let limit = if item.legal > 20 { "测试条例第十一条" } else { "" };
        let fee_basis = if item.fee > 0 { "测试收费条例第三条" } else { "" };
        let (legal, promised) = (item.legal.to_string(), item.promised.to_string());
        let (_, kind, result) = item.kind;
        let cells: [&str; 14] = [
            &item.code,
            &item.stem,
            &item.department,
            &item.name.0,
            &item.name.1,
            kind,
            &legal,
            &promised,
            limit,
            &item.fee.to_string(),
            fee_basis,
            item.forms,
            result,
            item.process.unwrap_or_default(),
        ];
        cells.map(str::to_owned)
    });
    let rows: Vec<[String; 14]> = rows.collect();
    let rows = rows.iter().map(|row| row.each_ref().map(String::as_str));
    file(&folder.join("items.csv"), header, rows);
    children(items, folder);
}

fn children(items: &[Item], folder: &Path) {
    let basis = items.iter().flat_map(|item| {
        let of = [["测试市测试管理条例", "第十条"], ["测试市服务办法", ""]];
        of.into_iter()
            .take(item.basis)
            .map(move |[law, article]| [item.code.as_str(), law, article])
    });
    file(&folder.join("basis.csv"), ["事项编码", "依据", "条款"], basis);
    let conditions = items.iter().flat_map(|item| {
        let of = CONDITIONS.into_iter().take(item.conditions);
        of.map(move |(zh, en)| [item.code.as_str(), zh, en])
    });
    file(&folder.join("conditions.csv"), ["事项编码", "条件", "英文"], conditions);
    let header = [
        "事项编码",
        "序号",
        "材料名称",
        "英文名称",
        "形式",
        "份数",
        "来源",
        "应用包",
        "登记簿",
        "字段组",
        "持有部门",
        "必要性",
    ];
    let numbers = ["1", "2", "3", "4", "5"];
    let materials = items.iter().flat_map(|item| {
        let of = MATERIALS.into_iter().zip(numbers).take(item.materials);
        of.map(move |(cells, number)| {
            let [zh, en, form, copies, source, package, register, group, holder, need] = cells;
            let code = item.code.as_str();
            [code, number, zh, en, form, copies, source, package, register, group, holder, need]
        })
    });
    file(&folder.join("materials.csv"), header, materials);
}

fn file<'a, const N: usize>(
    path: &Path,
    header: [&'a str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) {
    let mut writer = csv::Writer::from_path(path).unwrap();
    writer.write_record(header).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
}
