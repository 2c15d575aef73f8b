/** exceljs and pdf-lib: a workbook and a document, written and read again. */
import ExcelJS from "exceljs";
import { PDFDocument, StandardFonts } from "pdf-lib";

const workbook = new ExcelJS.Workbook();
const sheet = workbook.addWorksheet("sums");
for (let n = 1; n <= 500; n++) sheet.addRow([n, `row ${n}`, new Date(Date.UTC(2026, 0, n))]);
sheet.getCell("D1").value = { formula: "SUM(A1:A500)", result: 125_250 };
const again = new ExcelJS.Workbook();
await again.xlsx.load(await workbook.xlsx.writeBuffer());
const [read] = again.worksheets;
console.log(read?.name, read?.rowCount, read?.getCell("B500").value, read?.getCell("C60").value, read?.getCell("D1").value);
console.log(await again.xlsx.load(new ArrayBuffer(100)).catch((error: Error) => error.message));

const document = await PDFDocument.create({ updateMetadata: false });
const font = await document.embedFont(StandardFonts.TimesRoman);
for (let n = 1; n <= 20; n++) document.addPage([300, 200]).drawText(`page ${n}`, { x: 20, y: 100, size: 20, font });
document.getForm().createTextField("name").setText("Anna");
const bytes = await document.save();
const loaded = await PDFDocument.load(bytes, { updateMetadata: false });
console.log(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"), loaded.getPageCount(), loaded.getForm().getTextField("name").getText());
console.log(await PDFDocument.load(bytes.slice(100)).catch((error: Error) => error.message.split("\n")[0]));
