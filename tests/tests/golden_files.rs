//! The golden files themselves, whatever photos and seeds they are of: every member is read, in the type it has there.

use graft_tests::golden_npz;

#[test]
fn golden_archives_are_read_whole() {
    for file in
        ["stages", "method1", "method2", "method3", "full_finetune", "augment", "resize", "optimizers"]
    {
        let Some(mut archive) = golden_npz(&format!("{file}.npz")) else { continue };
        let names: Vec<String> = archive.names().map(str::to_owned).collect();
        assert!(!names.is_empty());
        for name in names {
            let array = archive.get(&name).unwrap();
            if let Ok(strings) = array.strings() {
                assert_eq!(strings.len(), array.shape().elements());
                continue;
            }
            let x = array.to_tensor().unwrap();
            assert_eq!(x.shape(), array.shape());
            assert!(x.data().iter().all(|v| v.is_finite()), "{file}: {name}");
        }
    }
}

#[test]
fn golden_pixels_labels_norms_and_names_keep_their_types() {
    let Some(mut method) = golden_npz("method2.npz") else { return };
    let pixels = method.get("pixels").unwrap();
    assert_eq!(pixels.shape()[3], 3);
    assert_eq!(pixels.bytes().unwrap().len(), pixels.shape().elements());
    let classes = *method.tensor("softmax_after").unwrap().shape().last().unwrap() as i64;
    assert!(method.get("labels").unwrap().to_i64().unwrap().iter().all(|k| (0..classes).contains(k)));
    assert_eq!(method.get("batch_size").unwrap().to_i64().unwrap().len(), 1);
    let trainable = method.get("trainable").unwrap();
    let first = &trainable.strings().unwrap()[0];
    assert!(first.ends_with("/kernel"), "{first}");
    assert!(method.get(&format!("grad/{first}/l2")).unwrap().to_f64().unwrap()[0] > 0.0);

    let Some(mut augment) = golden_npz("augment.npz") else { return };
    let cases = augment.get("cases").unwrap();
    let [json] = cases.strings().unwrap() else { panic!("one string") };
    assert!(json.starts_with("[{") && json.ends_with("}]"), "{json}");
}
